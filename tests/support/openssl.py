# SPDX-License-Identifier: Apache-2.0
"""openssl - what libssl can do and Python's ssl module does not offer

CPython's _ssl._SSLSocket is: object head, the socket, then the SSL pointer.
"""
import ctypes

_EARLY_DATA_MAX = 16384
_EARLY_DATA_STATUS = {0: "not sent", 1: "rejected", 2: "accepted"}
_NO_RENEGOTIATION = 1 << 30  # SSL_OP_NO_RENEGOTIATION

_lib = ctypes.CDLL("libssl.so.3")
_lib.SSL_get_session.restype = ctypes.c_void_p
_lib.SSL_SESSION_get_max_early_data.argtypes = [ctypes.c_void_p]
_lib.SSL_SESSION_set_max_early_data.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
_lib.SSL_clear_options.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
_lib.SSL_clear_options.restype = ctypes.c_uint64
_lib.SSL_write_early_data.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t,
                                      ctypes.POINTER(ctypes.c_size_t)]


def _pointer(sslobj):
    at = id(sslobj._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(at)


def ticket_queue(sslobj):
    """A server's: queues a TLS 1.3 session ticket, SSL_new_session_ticket(3)."""
    pointer = _pointer(sslobj)
    if _lib.SSL_is_server(pointer) != 1 or _lib.SSL_new_session_ticket(pointer) != 1:
        raise RuntimeError("no session ticket can be made on this connection")
    _lib.SSL_do_handshake(pointer)


def renegotiate(sslobj):
    """Queues a ClientHello, or a server's HelloRequest, on an open connection of TLS 1.2."""
    pointer = _pointer(sslobj)
    _lib.SSL_clear_options(pointer, _NO_RENEGOTIATION)
    if _lib.SSL_renegotiate(pointer) != 1:
        raise RuntimeError("this connection cannot be renegotiated")
    _lib.SSL_do_handshake(pointer)


def early_data_max(sslobj):
    """What the server's last ticket allows of early data, in bytes (RFC 8446 section 4.2.10)."""
    return _lib.SSL_SESSION_get_max_early_data(_lib.SSL_get_session(_pointer(sslobj)))


def early_data_write(sslobj, data):
    """Before the handshake: queues it as early data, whether or not the session's ticket allows any."""
    pointer, n = _pointer(sslobj), ctypes.c_size_t()
    session = _lib.SSL_get_session(pointer)
    if not session or _lib.SSL_SESSION_set_max_early_data(session, _EARLY_DATA_MAX) != 1:
        raise RuntimeError("there is no session to send early data with")
    if _lib.SSL_write_early_data(pointer, data, len(data), ctypes.byref(n)) != 1:
        raise RuntimeError("early data cannot be written")


def early_data_status(sslobj):
    """ "not sent", "rejected" or "accepted"."""
    return _EARLY_DATA_STATUS[_lib.SSL_get_early_data_status(_pointer(sslobj))]
