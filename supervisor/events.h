/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_EVENTS_H
#define SUPERVISOR_EVENTS_H

#include "common/log.h"

/*
 * What happens, told once: as a line of the log, and to everybody who asked
 * the control socket for `events`, with a stamp in front.
 */
void events_announce(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
