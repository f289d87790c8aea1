-- Send the requests of a file in turn, and count the errors.
--
--     wrk … --script bench/wrk.lua http://127.0.0.1:8000 -- REQUESTS EXPECTED
--
-- REQUESTS holds, for each request, a line with its length in bytes, then the bytes. With an EXPECTED text, an
-- answer that is not a 200 with this text in its body is an error.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  requests, sent, wrong, expected = {}, 0, 0, args[2]
  for line in file:lines() do
    table.insert(requests, file:read(tonumber(line)))
  end
  file:close()
  if expected ~= "" then
    response = check
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

function check(status, headers, body)
  if status ~= 200 or not body:find(expected, 1, true) then
    wrong = wrong + 1
  end
end

function done(summary, latency)
  local errors, wrong_answers = summary.errors, 0
  for _, thread in ipairs(threads) do
    wrong_answers = wrong_answers + thread:get("wrong")
  end
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local none = summary.requests == 0 and 1 or 0
  print(string.format('{"requests": %d, "rate": %f, "p50": %f, "p99": %f, "errors": %d}',
    summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    math.max(errors.status, wrong_answers) + broken + none))
end
