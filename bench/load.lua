-- The requests that wrk sends. Everything that varies is in a Lua file that the driver writes (`Scenario` in src/load.rs) and names as the
-- script's argument. It fills the table `scenario`.
--
-- wrk itself counts every answer whose status is 400 or more. The driver has checked the exact answers before (src/agreement.rs): a check of
-- each answer here would cost more than the server needs to make it.
--
-- Lists belong to readers, who always have 20 tasks. Tasks are created by writers. The deleter's tasks are created beforehand and deleted once
-- each, so a 404 is never the expected answer.
--
-- Each thread of wrk has its own Lua state. It gets its number, so that no two threads send the same requests.

local random = math.random

scenario = {}

local function head_of(token)
    return " HTTP/1.1\r\nHost: " .. scenario.host .. "\r\nAuthorization: Bearer " .. token .. "\r\n"
end

local function heads_of(tokens)
    local heads = {}
    for i, token in ipairs(tokens) do heads[i] = head_of(token) end
    return heads
end

local function with_body(body)
    return "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local readers, writers, deleter, next_deletable

-- Returns a reader's request head and the path of one of the reader's tasks.
local function any_task()
    local user, task = random(0, scenario.users - 1), random(0, scenario.tasks - 1)
    return readers[user + 1], "/api/tasks/" .. 1 + task * scenario.task_step + user * scenario.user_step
end

local send = {}

function send.get()
    local head, task = any_task()
    return "GET " .. task .. head .. "\r\n"
end

function send.list()
    return "GET /api/tasks" .. readers[random(#readers)] .. "\r\n"
end

function send.create()
    local body = '{"title":"Buy milk ' .. random(100000) .. '","description":"Two litres, and bread if there is some left"}'
    return "POST /api/tasks" .. writers[random(#writers)] .. with_body(body)
end

function send.update()
    local head, task = any_task()
    local body = '{"title":"Buy oat milk ' .. random(100000) .. '","completed":' .. tostring(random(2) == 1) .. "}"
    return "PUT " .. task .. head .. with_body(body)
end

function send.toggle()
    local head, task = any_task()
    return "PATCH " .. task .. "/complete" .. head .. "\r\n"
end

function send.delete()
    local id = next_deletable
    next_deletable = next_deletable + scenario.threads
    return "DELETE /api/tasks/" .. id .. deleter .. "\r\n"
end

function send.mixed()
    local dice = random(100)
    if dice <= 60 then return send.list() end
    if dice <= 75 then return send.get() end
    if dice <= 85 then return send.create() end
    if dice <= 95 then return send.toggle() end
    if dice <= 99 then return send.update() end
    return send.delete()
end

local threads = 0

function setup(thread)
    thread:set("place", threads)
    threads = threads + 1
end

function init(arguments)
    dofile(arguments[1])
    -- The same seed, and so the same requests, for each server of a round.
    math.randomseed(scenario.seed * scenario.threads + place)
    readers, writers, deleter = heads_of(scenario.readers), heads_of(scenario.writers), head_of(scenario.deleter)
    next_deletable = scenario.first_deletable + place
    request = send[scenario.workload]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests":%d,"micros":%d,"p50":%d,"p95":%d,"p99":%d,"refused":%d,"broken":%d,"late":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write, errors.timeout
    ))
end
