/* SPDX-License-Identifier: ISC */
/*
 * What preforkcat tells on standard error. Bytes of the peer get there escaped
 * only.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clients/preforkcat_show.h"
#include "common/clock.h"
#include "common/log.h"

#define BYTES_A_LINE 16

static bool steps_wanted, bytes_wanted;
static int64_t begin_us, last_us;
static uint64_t n_sent, n_received;    /* by show_sent(), show_received() */
static uint64_t offset_out, offset_in; /* by show_bytes() */

void
show_begin(bool steps, bool bytes)
{
	steps_wanted = steps;
	bytes_wanted = bytes;
	begin_us = last_us = clock_monotonic_us();
}

bool
show_wants_bytes(void)
{
	return bytes_wanted;
}

/* One write a line: others may write there too. */
static void line(const char *tail, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
line(const char *tail, const char *format, va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof(text), format, ap);
	fprintf(stderr, "preforkcat: %s%s\n", text, tail);
}

void
complain(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	line("", format, ap);
	va_end(ap);
}

void
show_step(const char *format, ...)
{
	va_list ap;

	if (!steps_wanted)
		return;
	va_start(ap, format);
	line("", format, ap);
	va_end(ap);
}

void
show_timed(const char *format, ...)
{
	int64_t now_us = clock_monotonic_us();
	char tail[48];
	va_list ap;

	if (!steps_wanted)
		return;
	snprintf(tail, sizeof(tail), " (%.3f ms)",
	    (double)(now_us - last_us) / 1000);
	last_us = now_us;
	va_start(ap, format);
	line(tail, format, ap);
	va_end(ap);
}

static void
show_line(char direction, uint64_t offset, const unsigned char *data, size_t n)
{
	char hex[3 * BYTES_A_LINE + 1] = "", text[4 * BYTES_A_LINE + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 3 * i, 4, " %02x", data[i]);
	log_escape(text, sizeof(text), data, n);
	fprintf(stderr, "%c %08" PRIx64 " %-*s  %s\n", direction, offset,
	    3 * BYTES_A_LINE, hex, text);
}

void
show_bytes(char direction, const void *data, size_t len)
{
	uint64_t *offset = direction == '>' ? &offset_out : &offset_in;
	const unsigned char *at = data;

	if (!bytes_wanted)
		return;
	while (len > 0) {
		size_t n = len < BYTES_A_LINE ? len : BYTES_A_LINE;

		show_line(direction, *offset, at, n);
		*offset += n;
		at += n;
		len -= n;
	}
}

void
show_sent(size_t len)
{
	n_sent += len;
}

void
show_received(size_t len)
{
	if (n_received == 0)
		show_timed("first byte");
	n_received += len;
}

void
show_total(void)
{
	last_us = begin_us;
	show_timed("sent %" PRIu64 " bytes, received %" PRIu64 " bytes, total",
	    n_sent, n_received);
}
