/* SPDX-License-Identifier: ISC */
/*
 * Announcements: what an operator would want to hear goes to the log and to
 * those who listen to `events`. Supervisor only.
 */
#include <jansson.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "supervisor/control_connection.h"
#include "supervisor/events.h"
#include "supervisor/report.h"

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

/* The same as one JSON object; "" when memory ran out. */
static void
format_json(char *buf, size_t size, const char *stamp, enum log_level level,
    const char *text)
{
	json_t *object = json_pack("{s:s, s:s, s:o}", "time", stamp, "level",
	    log_level_names[level], "event", report_string(text, strlen(text)));
	size_t n = json_dumpb(object, buf, size - 2, JSON_COMPACT);

	json_decref(object);
	if (n == 0 || n > size - 2)
		buf[0] = '\0';
	else
		strlcpy(buf + n, "\n", size - n);
}

void
events_announce(enum log_level level, const char *format, ...)
{
	char text[512], stamp[32], line[600], json[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_at(level, text);
	clock_stamp(stamp, sizeof(stamp));
	snprintf(line, sizeof(line), "%s %s\n", stamp, text);
	format_json(json, sizeof(json), stamp, level, text);
	control_tell_event(line, json);
}
