"""A private PostgreSQL server for the bench, and what /proc says about its processes."""

import os
import pwd
import shutil
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")

# What the speed figures are measured with.  Durability is on: fsync and
# synchronous_commit stay as a production server has them.
SETTINGS = {
    # Java's driver knows no sockets in the file system.
    "listen_addresses": "'127.0.0.1'",
    "shared_buffers": "'2GB'",
    "max_wal_size": "'8GB'",
    "min_wal_size": "'2GB'",
    "checkpoint_timeout": "'30min'",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "off",
    "wal_level": "replica",
    "autovacuum": "off",
    "jit": "off",
    "max_worker_processes": "64",
    # The bench reads when each transaction of a run was committed.
    "track_commit_timestamp": "on",
    "log_min_messages": "warning",
}


class Server:
    """One cluster under `home`, run as the postgres user when we are root."""

    def __init__(self, pg_config, home):
        self.home = home
        self.data = os.path.join(home, "pgdata")
        run = lambda what: subprocess.check_output([pg_config, what], text=True).strip()
        self.bin = run("--bindir")
        self.has_dataplat = os.path.exists(os.path.join(run("--pkglibdir"), "dataplat.so"))
        self.version = run("--version")
        self.as_user = []
        if os.geteuid() == 0:
            self.as_user = ["runuser", "-u", "postgres", "--"]
        self.port = free_port()
        self.conninfo = f"host={home} port={self.port} dbname=bench user={self.user()} application_name=bench"

    def user(self):
        return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def start(self, extra=None):
        shutil.rmtree(self.data, ignore_errors=True)
        if self.as_user:
            shutil.chown(self.home, "postgres")
        self._run("initdb", "-D", self.data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", self.user())
        with open(os.path.join(self.data, "postgresql.conf"), "a") as f:
            f.write(f"unix_socket_directories = '{self.home}'\nport = {self.port}\n")
            for name, value in {**SETTINGS, **(extra or {})}.items():
                f.write(f"{name} = {value}\n")
            if self.has_dataplat:
                f.write("shared_preload_libraries = 'dataplat'\ndataplat.max_workers = 48\n")
        self._run("pg_ctl", "-D", self.data, "-l", os.path.join(self.home, "server.log"), "-w", "start")
        subprocess.check_call([*self.as_user, f"{self.bin}/createdb", "-h", self.home, "-p", str(self.port), "bench"])
        if self.has_dataplat:
            self.sql("CREATE EXTENSION dataplat")
            # A build without sources can still measure the others.
            self.has_dataplat = self.value("SELECT 1 FROM pg_proc WHERE proname = 'create_source'") is not None

    def stop(self):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.data, ignore_errors=True)

    def _run(self, program, *args):
        done = subprocess.run([*self.as_user, f"{self.bin}/{program}", *args], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd="/", close_fds=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")

    def psql_command(self, *args):
        return [f"{self.bin}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, *args]

    def sql(self, text):
        """Run statements; returns the rows of the output as lists of text."""
        done = subprocess.run(self.psql_command("-F", "\x1f", "-f", "-"), input=text, text=True, capture_output=True,
                              env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"})
        if done.returncode != 0:
            raise RuntimeError(f"{text.strip()[:300]}\n{done.stderr.strip()}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def value(self, text):
        rows = self.sql(text)
        return rows[0][0] if rows else None

    def session(self):
        """A connection that stays open, as a worker's does."""
        return Session(self.psql_command())

    def workers(self, like="dataplat%ingest%"):
        """Process ids of dataplat's ingest workers."""
        return [int(r[0]) for r in self.sql(
            f"SELECT pid FROM pg_stat_activity WHERE backend_type ILIKE '{like}'")]

    def run_figures(self, table):
        """What a finished run left in its table, and when it was committed.

        The commit times come from the server, so no reader disturbed the run.
        """
        row = self.sql(f"""
            WITH xact AS (SELECT xmin AS xid, count(*) AS n, sum(_offset) AS offsets FROM {table} GROUP BY xmin),
                 t AS (SELECT n, offsets, extract(epoch FROM pg_xact_commit_timestamp(xid)) AS at FROM xact)
            SELECT coalesce(sum(n), 0), coalesce(sum(offsets), 0), count(*), coalesce(min(at), 0), coalesce(max(at), 0),
                   coalesce((SELECT n FROM t ORDER BY at LIMIT 1), 0)
              FROM t""")[0]
        return {"rows": int(row[0]), "offset_sum": int(row[1]), "transactions": int(row[2]),
                "first_commit": float(row[3]), "last_commit": float(row[4]), "first_rows": int(row[5])}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Session:
    """One psql that is kept; `timed` tells what statements took in it."""

    def __init__(self, command):
        self.psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"})
        self.pid = int(self.sql("SELECT pg_backend_pid()")[0])

    def sql(self, text):
        self.psql.stdin.write(f"{text};\n\\echo {self.END}\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == self.END:
                return lines
            lines.append(line.rstrip("\n"))
        raise RuntimeError(f"a session ended in: {text.strip()[:300]}")

    END = "-- end of statements --"

    def timed(self, text):
        """Seconds on the clock, and of processor time of the backend."""
        cpu = self.cpu()
        start = time.monotonic()
        self.sql(text)
        return time.monotonic() - start, self.cpu() - cpu

    def cpu(self):
        with open(f"/proc/{self.pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e9

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def cpu_seconds(pid):
    """User and system time of a process with all its threads."""
    with open(f"/proc/{pid}/stat") as f:
        return stat_cpu(f.read())


def stat_cpu(text):
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def anonymous_memory(pid):
    """Bytes of memory that the process has for itself, without shared buffers."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
