/* SPDX-License-Identifier: ISC */
/*
 * Announcements: what an operator would want to hear goes to the log and to
 * those who listen to `events`. Supervisor only.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"
#include "supervisor/control.h"
#include "supervisor/events.h"

static void
log_at(enum log_level level, const char *text)
{
	switch (level) {
	case LOG_LEVEL_DEBUG:
		log_debug("%s", text);
		break;
	case LOG_LEVEL_INFO:
		log_info("%s", text);
		break;
	case LOG_LEVEL_WARN:
		log_warn("%s", text);
		break;
	case LOG_LEVEL_ERROR:
		log_error("%s", text);
		break;
	}
}

void
events_announce(enum log_level level, const char *format, ...)
{
	char text[512], stamp[32], line[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_at(level, text);
	clock_stamp(stamp, sizeof(stamp));
	snprintf(line, sizeof(line), "%s %s\n", stamp, text);
	control_tell_event(line);
}
