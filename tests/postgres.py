"""A PostgreSQL server for the tests, in a directory of its own and reached by a socket in it, which
nobody else may enter: no port, no password. It refuses to run as root, so then it runs as `nobody`."""

import glob
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from support import eventually

PROGRAMS = "/usr/lib/postgresql/*/bin"


class Postgres:
    def __init__(self):
        found = sorted(glob.glob(PROGRAMS))
        assert found, f"there is no {PROGRAMS}: install postgresql"
        self.programs = pathlib.Path(found[-1])
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="winestore-test-", dir="/tmp"))
        self.url = f"postgres://winestore@/postgres?host={self.directory}"
        self.as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        if os.geteuid() == 0:
            shutil.chown(self.directory, "nobody", "nogroup")
        else:
            self.as_nobody = {}
        self.run("initdb", "--no-sync", "-D", "data", "-A", "trust", "-U", "winestore", "-E", "UTF8", "--locale=C")
        self.process = None
        self.start()

    def run(self, program, *arguments):
        subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.directory,
            check=True,
            stdout=subprocess.DEVNULL,
            **self.as_nobody,
        )

    def start(self, *settings):
        command = [self.programs / "postgres", "-D", "data", "-k", self.directory, "-c", "listen_addresses="]
        self.process = subprocess.Popen(
            [*command, *settings], cwd=self.directory, stderr=subprocess.DEVNULL, **self.as_nobody
        )
        eventually(self.answers)

    def answers(self):
        return subprocess.run([self.programs / "pg_isready", "-q", "-h", self.directory]).returncode == 0

    def query(self, sql):
        """The rows, each a list of texts."""
        told = subprocess.run(
            [self.programs / "psql", "-X", "-A", "-t", "-F", "\t", "-d", self.url, "-c", sql],
            check=True,
            capture_output=True,
            text=True,
        )
        return [line.split("\t") for line in told.stdout.splitlines()]

    def stop(self):
        """At once, as if it were killed."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory)
