"""Other voices: what another system is told of signals, as one request each. One small file per form, one line here."""

from __future__ import annotations

from alerts.outputs import alertmanager, standard
from alerts.outputs.target import Form, Requests

#: Every form by its name in the settings (`targets.form`).
FORMS: dict[Form, Requests] = {
    Form.ALERTMANAGER: alertmanager.requests,
    Form.WEBHOOK: standard.requests,
}
