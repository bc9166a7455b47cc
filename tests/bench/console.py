"""Measures the console: console.py CONSOLE HEALER [PART...]; parts: size many crowd rest alert.

Each line is a goal and what was measured; the exit code is 1 when one was not met. CONSOLE and HEALER are the shipped
programs; redis-server is the one of this machine. What is told of the healer with 100 000 services is played.
"""
import json
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
console_program, healer_program = sys.argv[1:3]
parts = sys.argv[3:] or ["size", "many", "crowd", "rest", "alert"]
folder = tempfile.mkdtemp(prefix="bench-console-")
children = []
met = True


def goal(what, measured, limit, unit, least=False):
    global met
    good = measured >= limit if least else measured <= limit
    met &= good
    word = "at least" if least else "at most"
    print(f"{'ok' if good else 'MISSED':<7} {what:<62} {measured:>10.3f}   ({word} {limit} {unit})", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, probe, within=120):
    end = time.time() + within
    while time.time() < end:
        try:
            found = probe()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.005)
    raise SystemExit(f"gave up waiting for {what}")


def start(*command, **env):
    log = open(os.path.join(folder, os.path.basename(command[0]) + ".log"), "ab")
    child = subprocess.Popen(command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], **env})
    children.append(child)
    return child


class Redis:
    def __init__(self):
        self.port = free_port()
        self.server = start("redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
        self.url = f"redis://127.0.0.1:{self.port}"
        until("redis-server", lambda: socket.create_connection(("127.0.0.1", self.port)).close() or True)
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.file = self.socket.makefile("rb")

    @staticmethod
    def pack(*words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)

    def answer(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise SystemExit(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return rest

    def all(self, commands):
        piece = []
        for command in commands:
            piece.append(self.pack(*command))
            if len(piece) == 2000:
                self.send(piece)
                piece = []
        if piece:
            self.send(piece)

    def send(self, piece):
        self.socket.sendall(b"".join(piece))
        for _ in piece:
            self.answer()

    def ask(self, *words):
        self.socket.sendall(self.pack(*words))
        return self.answer()


def truth_of(names, interval, timeout):
    beat = lambda name: {"heartbeat": {"channel": f"{name}:heartbeat", "interval_sec": interval, "timeout_sec": timeout,
                                       "redis_url": "redis://system-redis:6379"}}
    return {"services": {name: beat(name) for name in names}}


class Console:
    def __init__(self, redis, **env):
        self.port = free_port()
        self.began = time.time()
        self.child = start(console_program, SYSTEM_REDIS_URL=redis.url, CONSOLE_LISTEN=f"127.0.0.1:{self.port}",
                           TRUTH_WAIT_SEC="0", **env)
        until("the console", lambda: self.get("/healthz"))

    def connect(self):
        stream = socket.create_connection(("127.0.0.1", self.port))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def get(self, path, stream=None):
        own = stream or self.connect()
        own.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = read_answer(own)
        if not stream:
            own.close()
        return answer

    def cpu(self):
        with open(f"/proc/{self.child.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self, name):
        with open(f"/proc/{self.child.pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith(name))

    def share(self, secs):
        before, began = self.cpu(), time.time()
        time.sleep(secs)
        return 100 * (self.cpu() - before) / (time.time() - began)

    def stop(self):
        self.child.terminate()
        self.child.wait()


def read_answer(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65536)
        if not more:
            return b""
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += stream.recv(1 << 20)
    return body or head


def p99(times):
    return 1000 * sorted(times)[int(len(times) * 0.99) - 1]


def timed(console, path, count):
    stream, times = console.connect(), []
    for _ in range(count):
        began = time.perf_counter()
        console.get(path, stream)
        times.append(time.perf_counter() - began)
        time.sleep(0.002)
    return times


class PlayedHealer(threading.Thread):
    """Holds the lease and renews the records of the bus, as a healer does."""

    def __init__(self, redis, count):
        super().__init__(daemon=True)
        self.redis, self.count, self.ended = redis, count, threading.Event()

    def run(self):
        while not self.ended.is_set():
            now = int(time.time())
            bus = {"bus": "system-redis", "judged": True, "since_ts": now - 5000, "as_of_ts": now, "services": self.count,
                   "refresh_sec": 60}
            self.redis.all([("SET", "healer:lease", "played", "EX", 10), ("HSET", "healer:buses", "system-redis", json.dumps(bus)),
                            ("EXPIRE", "healer:buses", 300), ("HSET", "healer:judged", "system-redis", f"played,{now - 8000000},{now}")])
            self.ended.wait(1)


def snapshot(svc, state, now):
    return json.dumps({"svc": svc, "status": state, "since_ts": now - 5000, "last_seen_ts": now, "as_of_ts": now + 3600, "last_i": 7,
                       "timeout_sec": 30.0, "misses": 10, "restarts": 0, "bus": "system-redis"})


def fill(redis, count, spans):
    now = int(time.time())
    names = [f"group{n % 300}.service-{n}" for n in range(count)]
    redis.ask("SET", "truth:doc", json.dumps(truth_of(names, 10, 30)))
    def commands():
        for n, name in enumerate(names):
            yield "SET", f"health:{name}", snapshot(name, "down" if n % 2000 == 0 else "up", now)
            yield "HSET", "history:watched", name, f"{now - 8000000}-"
            times = (now - 7000000 + 600000 * k + n % 1000 for k in range(spans))
            yield "RPUSH", f"history:of:{name}", *(f"{t},{t + 60 + n % 60},down,{n:016x}-{k}" for k, t in enumerate(times))
    redis.all(commands())
    redis.ask("SET", "history:cursor", "1-0")
    return names


def many():
    redis = Redis()
    names = fill(redis, 100_000, 10)
    healer = PlayedHealer(redis, len(names))
    healer.start()
    time.sleep(1)
    console = Console(redis)
    def whole():
        summary = json.loads(console.get("/api/v1/summary"))
        counts = summary["counts"]
        if not (counts["down"] == 50 and counts["up"] == 99_950):
            return None
        first = json.loads(console.get("/api/v1/services?limit=1"))["services"][0]
        return first["uptime"]["90d"] is not None and first["uptime"]["90d"] < 100
    until("a full answer", whole)
    goal("100 000 services x 10 spans: start to the first full answer", time.time() - console.began, 3, "s")
    time.sleep(10)
    goal("the same: memory, RSS", console.memory("VmRSS"), 150, "MiB")
    print(f"        the same: memory at its peak {console.memory('VmHWM'):.0f} MiB")
    goal("the same: idle CPU", console.share(60), 3, "%")
    for what, path, limit in (("list", "/api/v1/services?limit=100&bars=24h", 5), ("search", "/api/v1/services?q=service-77&limit=100", 10),
                              ("metrics", "/metrics", 20), ("page", "/", 20)):
        times = timed(console, path, 1000)
        goal(f"the same: {what}, p99 (median {1000 * statistics.median(times):.2f} ms)", p99(times), limit, "ms")
    healer.ended.set()
    console.stop()


def crowd():
    """200 services: requests of all kinds at once, and live clients."""
    redis = Redis()
    names = fill(redis, 200, 10)
    healer = PlayedHealer(redis, len(names))
    healer.start()
    console = Console(redis)
    until("services", lambda: json.loads(console.get("/api/v1/summary"))["counts"]["up"] > 100)
    mixed(console, names)
    live = []
    for _ in range(256):
        stream = console.connect()
        stream.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        live.append(stream)
    poll = select.poll()
    for stream in live:
        stream.setblocking(False)
        poll.register(stream, select.POLLIN)
    drain(live, 2)
    goal("256 live clients, nothing happens: CPU", console.share(20), 1, "%")
    spreads = []
    for n in range(20):
        drain(live, 0.3)
        now = int(time.time())
        state, count = ("down", 2) if n % 2 == 0 else ("up", 1)
        redis_set(redis.port, "SET", f"health:{names[5]}", snapshot(names[5], state, now))
        # Each frame tells how many are down: the one that is waited for is known by that.
        arrived, wanted = {}, b'"down":%d,' % count
        by_fd = {stream.fileno(): stream for stream in live}
        while len(arrived) < len(live):
            for fd, _ in poll.poll(5000):
                at = time.perf_counter()
                if wanted in by_fd[fd].recv(1 << 16):
                    arrived.setdefault(fd, at)
        spreads.append(max(arrived.values()) - min(arrived.values()))
    goal("256 live clients: from the first to the last that has a frame", 1000 * max(spreads), 50, "ms")
    healer.ended.set()
    console.stop()


def redis_set(port, *words):
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(Redis.pack(*words))
        stream.recv(64)


def drain(live, secs):
    end = time.time() + secs
    while time.time() < end:
        for stream in live:
            try:
                while stream.recv(1 << 16):
                    pass
            except BlockingIOError:
                pass
        time.sleep(0.05)


def mixed(console, names):
    paths = ["/api/v1/summary", "/api/v1/services?limit=50", "/", "/metrics", "/ok", "/status.txt", f"/api/v1/services/{names[3]}",
             "/api/v1/groups", "/api/v1/incidents", f"/services/{names[3]}"]
    asks = [f"GET {p} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for p in paths]
    times, lock, end = [], threading.Lock(), time.time() + 10
    def work(first):
        stream, own, n = console.connect(), [], first
        while time.time() < end:
            began = time.perf_counter()
            stream.sendall(asks[n % len(asks)])
            read_answer(stream)
            own.append(time.perf_counter() - began)
            n += 1
        with lock:
            times.extend(own)
    before = console.cpu()
    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    goal("200 services, 8 clients, all kinds of requests", len(times) / 10, 2000, "/s", least=True)
    goal("the same: p99", p99(times), 20, "ms")
    print(f"        the same: CPU of the console a request {1e6 * (console.cpu() - before) / len(times):.0f} µs")


def rest():
    redis = Redis()
    names = fill(redis, 6, 3)
    healer = PlayedHealer(redis, len(names))
    healer.start()
    console = Console(redis)
    until("services", lambda: json.loads(console.get("/api/v1/summary"))["counts"]["up"] == 5)
    time.sleep(5)
    goal("6 services, nobody looks: CPU in a minute", console.share(60), 0.1, "%")
    goal("6 services, nobody looks: memory, RSS", console.memory("VmRSS"), 4, "MiB")
    healer.ended.set()
    console.stop()


def alert():
    """From the healer's alert to what stands in the page, in Chromium."""
    try:
        from selenium import webdriver
    except ImportError:
        print("        alert to page: not measured, python3 has no selenium")
        return
    redis = Redis()
    redis.ask("SET", "truth:doc", json.dumps(truth_of(["healer", "db", "api"], 0.2, 1)))
    start(healer_program, SYSTEM_REDIS_URL=redis.url, TRUTH_WAIT_SEC="0")
    beats, silent = threading.Event(), threading.Event()
    def beat():
        stream, n = socket.create_connection(("127.0.0.1", redis.port)), 0
        while not beats.wait(0.1):
            n += 1
            for svc in ("db", "api"):
                if svc == "api" or not silent.is_set():
                    stream.sendall(Redis.pack("PUBLISH", f"{svc}:heartbeat", json.dumps({"svc": svc, "i": n, "ts": int(time.time())})))
                    stream.recv(64)
    threading.Thread(target=beat, daemon=True).start()
    console = Console(redis)
    until("all up", lambda: json.loads(console.get("/api/v1/summary"))["counts"]["up"] == 3)
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options)
    try:
        browser.get(f"http://localhost:{console.port}/")
        browser.execute_script("""
            window.seen = [];
            let last = "";
            new MutationObserver(() => {
                const item = document.querySelector('#rows li[data-svc="db"] .stand');
                const word = item ? item.textContent : last;
                if (word !== last) { last = word; window.seen.push([performance.timeOrigin + performance.now(), word]); }
            }).observe(document.body, { subtree: true, childList: true, characterData: true });""")
        time.sleep(2)
        heard = subscribe(redis.port)
        lags = []
        for n in range(30):
            (silent.set if n % 2 == 0 else silent.clear)()
            kind = "heartbeat_miss" if n % 2 == 0 else "heartbeat_ok"
            told = next(at for at, data in heard if kind.encode() in data)
            word = "down" if n % 2 == 0 else "up"
            shown = until("the page", lambda: [at for at, text in browser.execute_script("return window.seen") if word in text and at > 1000 * told - 50])
            lags.append(shown[0] / 1000 - told)
            time.sleep(0.37)
        goal(f"alert to page, p99 of {len(lags)} (median {1000 * statistics.median(lags):.0f} ms)", 1000 * max(lags), 500, "ms")
    finally:
        browser.quit()
        beats.set()
    console.stop()


def subscribe(port):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.sendall(Redis.pack("SUBSCRIBE", "healer:alerts"))
    stream.recv(4096)
    while True:
        data = stream.recv(65536)
        yield time.time(), data


def size():
    goal("size of the program", os.path.getsize(console_program) / 1e6, 3.0, "MB")


try:
    for part in parts:
        {"size": size, "many": many, "crowd": crowd, "rest": rest, "alert": alert}[part]()
finally:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        child.wait()
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(0 if met else 1)
