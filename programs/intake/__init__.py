"""intake: what CRMs send over HTTP goes to the sources' raw topics, verified and byte for byte.

`signatures` who sent it · `doors` which source it is for · `lanes` its way to Kafka · `answers` what is answered ·
`desk` one request from its headers to its answer · `listener` connections · `program` the whole as a process.
"""
