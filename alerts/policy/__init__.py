"""When and how a recipient hears of a signal.

    terms.py     the playbook's alert policy, ready to be asked
    state.py     what is remembered of one recipient: a mailbox of items and pages
    arrivals.py  what comes in changes the mailbox: transitions, actions, floods. Nobody is interrupted by that
    pipeline.py  the policy: an ordered list of pure steps; each lets signals pass or stops them with a named reason
    rounds.py    runs the pipeline over a mailbox at an instant and folds what came of it
    office.py    all mailboxes of a partition, and the heap that says which is due

Everything here is pure: time is an argument, what is to be said and logged is returned.
"""
