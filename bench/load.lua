-- What wrk sends. Everything that varies stands in a file of Lua that the driver writes (`World` in src/load.rs) and names
-- as the script's argument: it fills `world`.
--
-- wrk itself counts every answer whose status is 400 or more. Which success it is, the driver has checked before
-- (src/agreement.rs): looking at each answer here would cost more than the server takes to make it.
--
-- Lists are of readers, whose tasks stay 20: what is created belongs to writers, and what is deleted are the disposer's
-- tasks, made for it beforehand and each deleted once, so that a 404 is never the expected answer.
--
-- Each of wrk's threads has a Lua of its own: it is told its place among them, so that no two send the same.

local random = math.random

world = {}

local function head_of(token)
    return " HTTP/1.1\r\nHost: " .. world.host .. "\r\nAuthorization: Bearer " .. token .. "\r\n"
end

local function heads_of(tokens)
    local heads = {}
    for i, token in ipairs(tokens) do heads[i] = head_of(token) end
    return heads
end

local function with_body(body)
    return "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local readers, writers, disposer, disposable

-- A reader, and one of the reader's tasks.
local function any_task()
    local user, task = random(0, world.users - 1), random(0, world.tasks - 1)
    return readers[user + 1], "/api/tasks/" .. 1 + task * world.task_step + user * world.user_step
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
    local id = disposable
    disposable = disposable + world.threads
    return "DELETE /api/tasks/" .. id .. disposer .. "\r\n"
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
    -- The same requests for each server of a round.
    math.randomseed(world.seed * world.threads + place)
    readers, writers, disposer = heads_of(world.readers), heads_of(world.writers), head_of(world.disposer)
    disposable = world.disposable + place
    request = send[world.workload]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests":%d,"micros":%d,"p50":%d,"p95":%d,"p99":%d,"refused":%d,"broken":%d,"late":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write, errors.timeout
    ))
end
