/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_UNIX_QUEUE_H
#define SUPERVISOR_UNIX_QUEUE_H

#include <stdbool.h>

/*
 * The accept queue of a listening Unix stream socket, which no getsockopt(2)
 * tells: asked from the kernel by sock_diag(7). False where that is not
 * allowed or not built in. Does not block.
 */
bool unix_queue(int fd, unsigned *waiting, unsigned *limit);

#endif
