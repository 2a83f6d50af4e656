/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_STATUS_H
#define CLIENTS_CLIENT_STATUS_H

/* Exit statuses of clients that connect to something, and what the modules
 * that they share return; those of sysexits(3) where there is one. */
enum client_status {
	CLIENT_DONE = 0,
	CLIENT_USAGE = 64,	 /* EX_USAGE */
	CLIENT_NO_NAME = 68,	 /* EX_NOHOST: the name is not found */
	CLIENT_UNREACHABLE = 69, /* EX_UNAVAILABLE: refused, no way there */
	CLIENT_BROKEN = 74,	 /* EX_IOERR: reset in the middle */
	CLIENT_TIMED_OUT = 75,	 /* EX_TEMPFAIL */
	CLIENT_PROTOCOL = 76,	 /* EX_PROTOCOL: not what was agreed on */
	CLIENT_CERTIFICATE = 77, /* EX_NOPERM: the peer's does not hold */
};

#endif
