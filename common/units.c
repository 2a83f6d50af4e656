/* SPDX-License-Identifier: ISC */
/*
 * Numbers with units, as people write them in a configuration or on a command
 * line. Pure; used by every program.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/units.h"

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, for formatting. */
static const struct unit durations[] = { { "d", 86400000 }, { "h", 3600000 },
	{ "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

static const struct unit short_durations[] = { { "s", 1000000 }, { "ms", 1000 },
	{ "us", 1 } };

static const struct unit sizes[] = { { "g", 1 << 30 }, { "m", 1 << 20 },
	{ "k", 1 << 10 }, { "", 1 } };

#define N_DURATIONS (sizeof(durations) / sizeof(durations[0]))
#define N_SHORT	    (sizeof(short_durations) / sizeof(short_durations[0]))
#define N_SIZES	    (sizeof(sizes) / sizeof(sizes[0]))

static const char not_integer[] = "is not a whole number";
static const char too_large[] = "is too large";
static const char not_duration[] =
    "is not a duration such as 250ms, 30s, 5m, 2h or 1d";
static const char not_short[] = "is not a duration such as 50us, 1ms or 1s";
static const char not_size[] = "is not a size such as 512, 64k, 1m or 2g";
static const char not_boolean[] = "is not a boolean: yes or no";

/* Digits with a sign at most; REST points behind them, *FITS tells whether 64
 * bits are enough. */
static bool
parse_digits(const char *text, int64_t *out, bool *fits, const char **rest)
{
	const char *digits = text + (*text == '-');
	char *end;

	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	*fits = errno == 0;
	*rest = end;
	return true;
}

bool
unit_parse_integer(const char *text, int64_t *out, const char **why)
{
	const char *rest;
	int64_t value;
	bool fits;

	if (!parse_digits(text, &value, &fits, &rest) || *rest != '\0') {
		*why = not_integer;
		return false;
	}
	if (!fits) {
		*why = value < 0 ? "is too small" : too_large;
		return false;
	}
	*out = value;
	return true;
}

static const struct unit *
find_unit(const struct unit *units, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

static bool
parse_with_unit(const char *text, const struct unit *units, size_t n,
    int64_t *out, const char **why)
{
	const char *rest;
	int64_t value;
	bool fits;

	if (!parse_digits(text, &value, &fits, &rest) || value < 0)
		return false;
	const struct unit *unit = find_unit(units, n, rest);
	if (unit == NULL)
		return false;
	if (!fits || value > INT64_MAX / unit->factor) {
		*why = too_large;
		return false;
	}
	*out = value * unit->factor;
	return true;
}

/* Nothing is nothing in every unit. */
static bool
parse_time(const char *text, const struct unit *units, size_t n, int64_t *out,
    const char **why)
{
	if (strcmp(text, "0") == 0) {
		*out = 0;
		return true;
	}
	return parse_with_unit(text, units, n, out, why);
}

bool
unit_parse_duration(const char *text, int64_t *out_ms, const char **why)
{
	*why = not_duration;
	return parse_time(text, durations, N_DURATIONS, out_ms, why);
}

bool
unit_parse_short_duration(const char *text, int64_t *out_us, const char **why)
{
	*why = not_short;
	return parse_time(text, short_durations, N_SHORT, out_us, why);
}

bool
unit_parse_size(const char *text, int64_t *out_bytes, const char **why)
{
	*why = not_size;
	return parse_with_unit(text, sizes, N_SIZES, out_bytes, why);
}

bool
unit_parse_boolean(const char *text, bool *out, const char **why)
{
	static const char *const yes[] = { "yes", "on", "true", "1" };
	static const char *const no[] = { "no", "off", "false", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*out = strcmp(text, yes[i]) == 0;
			return true;
		}
	}
	*why = not_boolean;
	return false;
}

/* The largest unit that divides VALUE. */
static char *
format_with_unit(
    int64_t value, const struct unit *units, size_t n, char *buf, size_t size)
{
	size_t i = 0;

	while (i + 1 < n && (value % units[i].factor != 0 || value == 0))
		i++;
	snprintf(buf, size, "%lld%s", (long long)(value / units[i].factor),
	    value == 0 ? "" : units[i].name);
	return buf;
}

char *
unit_format_duration(int64_t ms, char *buf, size_t size)
{
	return format_with_unit(ms, durations, N_DURATIONS, buf, size);
}

char *
unit_format_short_duration(int64_t us, char *buf, size_t size)
{
	return format_with_unit(us, short_durations, N_SHORT, buf, size);
}

char *
unit_format_size(int64_t bytes, char *buf, size_t size)
{
	return format_with_unit(bytes, sizes, N_SIZES, buf, size);
}
