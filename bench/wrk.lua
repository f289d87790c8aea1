-- Send the requests of a file, one after another, and tell what came of them.
--
--     wrk … -s bench/wrk.lua http://127.0.0.1:8000 -- REQUESTS REPORT THREADS ticks|pages
--
-- REQUESTS holds, for each request, a line « <bytes> <session> », then so many bytes. Sessions are dealt out to the
-- threads in turns, so that no two threads share one.
--
-- With « ticks », each answer must be the line of a commitment that is taken, and is written to REPORT.ticks; the
-- requests must not run out (« ran_out »). wrk does not tell a script which connection asks; so that each has a
-- session to itself, a session whose answer is awaited lets the others go first, and what cannot wait is counted
-- (« together »). With « pages », answers are not looked at, and the requests begin anew.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local among, place = tonumber(args[3]), 0
  requests, sessions, under_way, taken = {}, {}, {}, {}
  sent, answered, odd, together, ran_out = 0, 0, 0, 0, 0
  report, ticks = args[2], args[4] == "ticks"
  for line in file:lines() do
    local bytes, session = line:match("^(%d+) (%S+)$")
    local request = file:read(tonumber(bytes))
    if place % among == number then
      table.insert(requests, request)
      table.insert(sessions, session)
    end
    place = place + 1
  end
  file:close()
  if ticks then
    response = remember
  end
end

function request()
  local place = sent % #requests + 1
  sent = sent + 1
  if ticks then
    if sent > #requests then
      ran_out = 1
    end
    let_go_first(place)
    local session = sessions[place]
    local already = under_way[session] or 0
    if already > 0 then
      together = together + 1
    end
    -- wrk asks once to look at the request, and does not send it.
    if sent > 1 then
      under_way[session] = already + 1
    end
  end
  return requests[place]
end

function let_go_first(place)
  for other = place, #requests do
    if (under_way[sessions[other]] or 0) == 0 then
      requests[place], requests[other] = requests[other], requests[place]
      sessions[place], sessions[other] = sessions[other], sessions[place]
      return
    end
  end
end

function remember(status, headers, body)
  local session, number = body:match('name="signature" value="(%x+)">.-id="prendre%-(%d+)" name="taken" value="no"')
  if status == 200 and session then
    under_way[session] = (under_way[session] or 1) - 1
    table.insert(taken, session .. " " .. number)
  else
    odd = odd + 1
  end
end

function done(summary, latency, _)
  local total = { sent = 0, odd = 0, together = 0, ran_out = 0 }
  local file = assert(io.open(wrk_report() .. ".ticks", "w"))
  for _, thread in ipairs(threads) do
    for name, value in pairs(total) do
      total[name] = value + thread:get(name)
    end
    for _, tick in ipairs(thread:get("taken")) do
      file:write(tick, "\n")
    end
  end
  file:close()
  local errors = summary.errors
  local report = assert(io.open(wrk_report(), "w"))
  report:write(string.format(
    '{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "odd": %d, "together": %d, "ran_out": %d, ' ..
    '"p50": %f, "p99": %f, "most": %f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    total.odd, total.together, total.ran_out,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
  report:close()
end

function wrk_report()
  return threads[1]:get("report")
end
