"""A thin libpq, through ctypes: the machine has the library wherever PostgreSQL is.

Values come and go as text (None is NULL).  Calls release the interpreter's
lock, so connections can be used from several threads, one each.
"""

import ctypes
import ctypes.util

_lib = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")


def _declare(name, result, *arguments):
    f = getattr(_lib, name)
    f.restype = result
    f.argtypes = arguments
    return f


_p, _s, _i = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_connect = _declare("PQconnectdb", _p, _s)
_status = _declare("PQstatus", _i, _p)
_finish = _declare("PQfinish", None, _p)
_conn_error = _declare("PQerrorMessage", _s, _p)
_exec = _declare("PQexec", _p, _p, _s)
_exec_params = _declare("PQexecParams", _p, _p, _s, _i, _p, ctypes.POINTER(_s), _p, _p, _i)
_result_status = _declare("PQresultStatus", _i, _p)
_result_field = _declare("PQresultErrorField", _s, _p, _i)
_result_error = _declare("PQresultErrorMessage", _s, _p)
_clear = _declare("PQclear", None, _p)
_ntuples = _declare("PQntuples", _i, _p)
_nfields = _declare("PQnfields", _i, _p)
_fname = _declare("PQfname", _s, _p, _i)
_ftype = _declare("PQftype", ctypes.c_uint, _p, _i)
_isnull = _declare("PQgetisnull", _i, _p, _i, _i)
_value = _declare("PQgetvalue", _s, _p, _i, _i)
_pid = _declare("PQbackendPID", _i, _p)
_put_copy = _declare("PQputCopyData", _i, _p, _s, _i)
_end_copy = _declare("PQputCopyEnd", _i, _p, _s)
_get_result = _declare("PQgetResult", _p, _p)
_tx_status = _declare("PQtransactionStatus", _i, _p)
_NOTICE_RECEIVER = ctypes.CFUNCTYPE(None, _p, _p)
_set_receiver = _declare("PQsetNoticeReceiver", _p, _p, _NOTICE_RECEIVER, _p)
_quiet = _NOTICE_RECEIVER(lambda arg, result: None)

OK, COMMAND_OK, TUPLES_OK, COPY_IN = 0, 1, 2, 4
FIELD_STATE, FIELD_DETAIL, FIELD_HINT, FIELD_CONTEXT = ord("C"), ord("D"), ord("H"), ord("W")


class SqlError(Exception):
    """What the server said; state "lost" when the connection is gone."""

    def __init__(self, message, state="", detail="", hint="", context=""):
        super().__init__(message.strip())
        self.state, self.detail, self.hint, self.context = state, detail, hint, context

    def full(self):
        parts = [f"{self.state}: {self}"]
        parts += [f"{n}: {v}" for n, v in (("DETAIL", self.detail), ("HINT", self.hint), ("CONTEXT", self.context)) if v]
        return "\n".join(parts)


class Connection:
    def __init__(self, conninfo):
        self.c = _connect(conninfo.encode())
        if _status(self.c) != OK:
            message = _conn_error(self.c).decode()
            self.close()
            raise SqlError(message, "lost")
        _set_receiver(self.c, _quiet, None)
        self.pid = _pid(self.c)
        self.columns = []
        self.types = []

    def close(self):
        if self.c:
            _finish(self.c)
            self.c = None

    def in_transaction(self):
        return _tx_status(self.c) in (2, 3)

    def _rows(self, r):
        try:
            status = _result_status(r)
            if status == TUPLES_OK:
                fields = range(_nfields(r))
                self.columns = [_fname(r, f).decode() for f in fields]
                self.types = [_ftype(r, f) for f in fields]
                return [tuple(None if _isnull(r, t, f) else _value(r, t, f).decode() for f in fields) for t in range(_ntuples(r))]
            if status in (COMMAND_OK, 0):
                return []
            state = _result_field(r, FIELD_STATE)
            if state is None or _status(self.c) != OK:
                raise SqlError(_conn_error(self.c).decode() or "connection lost", "lost")
            more = [(_result_field(r, f) or b"").decode() for f in (FIELD_DETAIL, FIELD_HINT, FIELD_CONTEXT)]
            raise SqlError((_result_field(r, ord("M")) or b"").decode(), state.decode(), *more)
        finally:
            _clear(r)

    def run(self, sql, *parameters):
        """One statement, or several without parameters; the rows of the last one."""
        if parameters:
            values = (_s * len(parameters))(*[None if p is None else str(p).encode() for p in parameters])
            return self._rows(_exec_params(self.c, sql.encode(), len(parameters), None, values, None, None, 0))
        return self._rows(_exec(self.c, sql.encode()))

    def one(self, sql, *parameters):
        rows = self.run(sql, *parameters)
        return rows[0][0] if rows else None

    def copy(self, sql, lines):
        """COPY ... FROM STDIN of lines in text format."""
        r = _exec(self.c, sql.encode())
        if _result_status(r) != COPY_IN:
            self._rows(r)
            raise SqlError("not a COPY FROM STDIN", "lost")
        _clear(r)
        data = "".join(line + "\n" for line in lines).encode()
        _put_copy(self.c, data, len(data))
        _end_copy(self.c, None)
        error = None
        while True:
            r = _get_result(self.c)
            if not r:
                break
            try:
                self._rows(r)
            except SqlError as e:
                error = e
        if error:
            raise error
