/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_STATUS_H
#define CLIENTS_PREFORKSNIFF_STATUS_H

/* Exit statuses of preforksniff, and what its modules return; documented in
 * preforksniff(8). */
enum sniff_status {
	SNIFF_DONE = 0,
	SNIFF_FAILED = 1,
	SNIFF_USAGE = 64,     /* EX_USAGE */
	SNIFF_FORBIDDEN = 77, /* EX_NOPERM */
};

#endif
