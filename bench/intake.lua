-- wrk: sends signed requests from a file, one per line: timestamp, signature and body, separated by tabs.
local requests = {}
local at = 0

function init(args)
  local path = args[2]
  for line in io.lines(args[1]) do
    local timestamp, signature, body = line:match("^(.-)\t(.-)\t(.*)$")
    local headers = {
      ["Content-Type"] = "application/json",
      ["X-HubSpot-Request-Timestamp"] = timestamp,
      ["X-HubSpot-Signature-v3"] = signature,
    }
    requests[#requests + 1] = wrk.format("POST", path, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, requests)
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "p999_us": %d, "max_us": %d, ' ..
    '"not_200": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    latency.max, summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.timeout))
end
