/* SPDX-License-Identifier: ISC */
/*
 * From the words behind options to values; what is none ends the program with
 * a line on standard error.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforkbench_values.h"
#include "common/units.h"

#define SIZE_MAX_STREAM (64 * 1024 * 1024)
#define DURATION_MAX_MS (INT64_C(7) * 86400 * 1000)

int64_t
value_duration(const char *what, int64_t min_ms)
{
	const char *why;
	int64_t ms;

	if (unit_parse_duration(optarg, &ms, &why)) {
		if (ms >= min_ms && ms <= DURATION_MAX_MS)
			return ms;
		why = min_ms == 0 ? "is more than 7d" : "is not from 1ms to 7d";
	}
	options_complain("%s \"%s\" %s", what, optarg, why);
	exit(BENCH_USAGE);
}

uint64_t
value_number(const char *what, long long max)
{
	const char *why;
	long long n = strtonum(optarg, 1, max, &why);

	if (why == NULL)
		return (uint64_t)n;
	options_complain("%s \"%s\" is %s: 1 to %lld", what, optarg, why, max);
	exit(BENCH_USAGE);
}

size_t
value_size(void)
{
	const char *why;
	int64_t size;

	if (unit_parse_size(optarg, &size, &why)) {
		if (size >= 1 && size <= SIZE_MAX_STREAM)
			return (size_t)size;
		why = "is not from 1 to 64m";
	}
	options_complain("--size \"%s\" %s", optarg, why);
	exit(BENCH_USAGE);
}

enum exchange
value_exchange(void)
{
	static const char *const names[] = {
		[EXCHANGE_NONE] = "none",
		[EXCHANGE_READ] = "read",
		[EXCHANGE_ECHO] = "echo",
		[EXCHANGE_HTTP] = "http",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(optarg, names[i]) == 0)
			return (enum exchange)i;
	}
	options_complain(
	    "--exchange \"%s\" is not none, read, echo or http", optarg);
	exit(BENCH_USAGE);
}

int
value_tls_version(void)
{
	if (strcmp(optarg, "1.2") == 0)
		return TLS1_2_VERSION;
	if (strcmp(optarg, "1.3") == 0)
		return TLS1_3_VERSION;
	options_complain("--tls-version \"%s\" is not 1.2 or 1.3", optarg);
	exit(BENCH_USAGE);
}

void
value_sources(struct sources *sources)
{
	const char *why;

	if (sources_parse(sources, optarg, &why))
		return;
	options_complain("--sources \"%s\" %s", optarg, why);
	exit(BENCH_USAGE);
}
