/* SPDX-License-Identifier: ISC */
/*
 * The report, for people and for programs.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "clients/preforkbench_report.h"

#define PLOT_WIDTH 50

/* The parts of all that latencies are told of: name in JSON, as text. */
static const struct part {
	const char *name, *text;
	double part;
} parts[] = {
	{ "p50", "50%", 0.5 },
	{ "p90", "90%", 0.9 },
	{ "p99", "99%", 0.99 },
	{ "p99_9", "99.9%", 0.999 },
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* --- text ---------------------------------------------------------------- */

/* "999ns" "12.3us" "1.23s": three digits. BUF needs 16 bytes. Returns BUF. */
static const char *
format_time(double ns, char *buf, size_t size)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	size_t unit = 0;

	while (ns >= 999.5 && unit < 3) {
		ns /= 1000;
		unit++;
	}
	int decimals = unit == 0 || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2;
	snprintf(buf, size, "%.*f%s", decimals, ns, units[unit]);
	return buf;
}

/* "999B/s" "1.2MB/s": powers of 1000. */
static const char *
format_bytes(double bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;

	while (bytes >= 999.5 && unit < 4) {
		bytes /= 1000;
		unit++;
	}
	snprintf(buf, size, "%.*f%s", unit == 0 ? 0 : 1, bytes, units[unit]);
	return buf;
}

static double
per_second(double n, double seconds)
{
	return seconds > 0 ? n / seconds : 0;
}

static void
print_load(const struct options *options)
{
	const char *what = "";

	if (options->mode == MODE_CONNECT)
		what = " made anew for each request";
	else if (options->mode == MODE_IDLE)
		what = " held";
	printf("%s: %u %s%s", options->text, options->n_clients,
	    options_are_datagrams(options) ? "socket" : "connection",
	    options->n_clients == 1 ? "" : "s");
	fputs(what, stdout);
	if (options->pipeline > 1)
		printf(", %u requests each under way", options->pipeline);
	if (options->rate > 0)
		printf(", %llu requests/s asked for",
		    (unsigned long long)options->rate);
	if (options->n_processes > 1)
		printf(", %u processes", options->n_processes);
	putchar('\n');
}

static void
print_counts(const struct options *options, const struct outcome *outcome)
{
	const struct result *result = outcome->result;
	double seconds = outcome->seconds;
	char in[16], out[16];

	if (options->mode == MODE_IDLE) {
		printf("%llu opened, %llu open after %.2f s\n",
		    (unsigned long long)result->requests,
		    (unsigned long long)result->open, seconds);
		return;
	}
	printf("%llu requests in %.2f s: %.0f/s",
	    (unsigned long long)result->requests, seconds,
	    per_second((double)result->requests, seconds));
	printf(", %s/s sent, %s/s received\n",
	    format_bytes(per_second((double)result->bytes_sent, seconds), out,
		sizeof(out)),
	    format_bytes(per_second((double)result->bytes_received, seconds),
		in, sizeof(in)));
}

static void
print_failures(const struct outcome *outcome)
{
	const struct result *result = outcome->result;
	uint64_t n_failed = result_n_failed(result);
	const char *between = ": ";

	printf("%llu failed", (unsigned long long)n_failed);
	for (int i = 0; i < N_FAILURES; i++) {
		if (result->failed[i] == 0)
			continue;
		printf("%s%llu %s", between,
		    (unsigned long long)result->failed[i],
		    result_text((enum failure)i));
		if (result->whys[i][0] != '\0')
			printf(" (%s)", result->whys[i]);
		else if (i == FAILURE_OTHER || i == FAILURE_UNREACHABLE)
			printf(" (%s)", strerror(result->errors[i]));
		between = ", ";
	}
	putchar('\n');
	if (result->reordered > 0 || result->late > 0)
		printf("%llu reordered, %llu late or twice\n",
		    (unsigned long long)result->reordered,
		    (unsigned long long)result->late);
	if (result->reconnects > 0)
		printf(
		    "%llu connections made anew that the server had closed\n",
		    (unsigned long long)result->reconnects);
}

static void
print_latency(const char *of, const struct histogram *latency)
{
	char text[16];

	printf("%s: min %s", of,
	    format_time((double)latency->min, text, sizeof(text)));
	printf(", mean %s",
	    format_time(histogram_mean(latency), text, sizeof(text)));
	for (size_t i = 0; i < N_PARTS; i++)
		printf(", %s %s", parts[i].text,
		    format_time(
			(double)histogram_percentile(latency, parts[i].part),
			text, sizeof(text)));
	printf(", max %s\n",
	    format_time((double)latency->max, text, sizeof(text)));
}

/* A second: of those that count where each request is a connection, else while
 * the connections were opened. */
static double
handshake_rate(const struct options *options, const struct outcome *outcome)
{
	const struct result *result = outcome->result;

	if (options->mode == MODE_CONNECT)
		return per_second(
		    (double)result->tls.handshake.n, outcome->seconds);
	return per_second(
	    (double)result->opened_first, (double)result->opening_ns / 1e9);
}

static void
print_handshakes(const struct options *options, const struct outcome *outcome)
{
	const struct result_tls *tls = &outcome->result->tls;

	if (!options->address.tls)
		return;
	printf("%llu handshakes, %llu resumed: %.0f/s",
	    (unsigned long long)(tls->full + tls->resumed),
	    (unsigned long long)tls->resumed, handshake_rate(options, outcome));
	if (tls->version[0] != '\0')
		printf("; %s, %s", tls->version, tls->cipher);
	printf("%s%s%s\n", tls->group[0] == '\0' ? "" : ", ", tls->group,
	    options->tls.insecure ? "; certificates were not checked" : "");
	if (tls->handshake.n > 0) {
		print_latency("connect", &tls->connect);
		print_latency("handshake", &tls->handshake);
	}
}

/* A line for each power of two, which are borders of buckets. */
static void
print_plot(const struct histogram *latency)
{
	uint64_t most = 1, counts[64] = { 0 };
	int first = 63, last = 0;
	char text[16], bar[PLOT_WIDTH + 1];

	for (int i = 0; i < 42; i++) {
		int64_t least = i == 0 ? 0 : INT64_C(1) << i;
		counts[i] = histogram_between(
		    latency, least, (INT64_C(1) << (i + 1)) - 1);
		if (counts[i] == 0)
			continue;
		first = i < first ? i : first;
		last = i;
		most = counts[i] > most ? counts[i] : most;
	}
	for (int i = first; i <= last; i++) {
		size_t length =
		    (size_t)((double)counts[i] / (double)most * PLOT_WIDTH +
			0.5);
		memset(bar, '#', length);
		bar[length] = '\0';
		printf("  < %6s %12llu %6.2f%% %s\n",
		    format_time(
			(double)(INT64_C(1) << (i + 1)), text, sizeof(text)),
		    (unsigned long long)counts[i],
		    100 * (double)counts[i] / (double)latency->n,
		    length == 0 && counts[i] > 0 ? "." : bar);
	}
}

static void
print_cpu(const struct options *options, const struct outcome *outcome)
{
	uint64_t n = outcome->result->requests;
	char each[16], all[16];

	if (options->cpu_of == 0)
		return;
	if (outcome->cpu_ns == -1 || n == 0) {
		printf("CPU time of %d: not known\n", (int)options->cpu_of);
		return;
	}
	printf("CPU time of %d and its children: %s a request, %s\n",
	    (int)options->cpu_of,
	    format_time(
		(double)outcome->cpu_ns / (double)n, each, sizeof(each)),
	    format_time((double)outcome->cpu_ns, all, sizeof(all)));
}

bool
report_text(const struct options *options, const struct outcome *outcome)
{
	const struct histogram *latency = &outcome->result->latency;

	print_load(options);
	print_counts(options, outcome);
	print_failures(outcome);
	print_handshakes(options, outcome);
	print_cpu(options, outcome);
	if (latency->n > 0) {
		print_latency("latency", latency);
		print_plot(latency);
	}
	if (outcome->interrupted)
		puts("interrupted");
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* --- JSON ---------------------------------------------------------------- */

static const char *const mode_names[] = {
	[MODE_REQUESTS] = "requests",
	[MODE_CONNECT] = "connect",
	[MODE_IDLE] = "idle",
};

static void
put_number(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void
put_us(json_t *object, const char *name, double ns)
{
	json_object_set_new(object, name, json_real(ns / 1000));
}

static json_t *
json_errors(const struct result *result)
{
	json_t *errors = json_object();

	for (int i = 0; i < N_FAILURES; i++)
		put_number(
		    errors, result_name((enum failure)i), result->failed[i]);
	return errors;
}

static json_t *
json_latency(const struct histogram *latency)
{
	json_t *us = json_object();

	put_us(us, "min", (double)latency->min);
	put_us(us, "mean", histogram_mean(latency));
	for (size_t i = 0; i < N_PARTS; i++)
		put_us(us, parts[i].name,
		    (double)histogram_percentile(latency, parts[i].part));
	put_us(us, "max", (double)latency->max);
	return us;
}

static json_t *
json_tls(const struct options *options, const struct outcome *outcome)
{
	const struct result_tls *tls = &outcome->result->tls;
	json_t *all = json_pack("{s:s, s:s, s:s, s:b}", "version", tls->version,
	    "cipher", tls->cipher, "group", tls->group, "insecure",
	    options->tls.insecure);

	put_number(all, "handshakes", tls->full + tls->resumed);
	put_number(all, "full", tls->full);
	put_number(all, "resumed", tls->resumed);
	json_object_set_new(all, "handshakes_per_second",
	    json_real(handshake_rate(options, outcome)));
	json_object_set_new(all, "connect_us", json_latency(&tls->connect));
	json_object_set_new(all, "handshake_us", json_latency(&tls->handshake));
	return all;
}

static json_t *
json_reasons(const struct result *result)
{
	json_t *reasons = json_object();

	for (int i = 0; i < N_FAILURES; i++) {
		if (result->failed[i] > 0 && result->whys[i][0] != '\0')
			json_object_set_new(reasons,
			    result_name((enum failure)i),
			    json_string(result->whys[i]));
	}
	return reasons;
}

/* [most, count] of each bucket that has any. */
static json_t *
json_histogram(const struct histogram *latency)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (latency->buckets[i] > 0)
			json_array_append_new(rows,
			    json_pack("[f, I]",
				(double)histogram_most_of(i) / 1000,
				(json_int_t)latency->buckets[i]));
	}
	return rows;
}

static json_t *
json_of(const struct options *options, const struct outcome *outcome)
{
	const struct result *result = outcome->result;
	double seconds = outcome->seconds;
	json_t *all = json_pack("{s:s, s:s, s:i, s:i, s:f, s:b}", "address",
	    options->text, "mode", mode_names[options->mode], "connections",
	    (int)options->n_clients, "processes", (int)options->n_processes,
	    "seconds", seconds, "interrupted", outcome->interrupted);

	put_number(all, "requests", result->requests);
	put_number(all, "opened", result->opened);
	put_number(all, "open", result->open);
	put_number(all, "failed", result_n_failed(result));
	json_object_set_new(all, "errors", json_errors(result));
	json_object_set_new(all, "reasons", json_reasons(result));
	put_number(all, "reordered", result->reordered);
	put_number(all, "late", result->late);
	put_number(all, "reconnects", result->reconnects);
	put_number(all, "bytes_sent", result->bytes_sent);
	put_number(all, "bytes_received", result->bytes_received);
	json_object_set_new(all, "requests_per_second",
	    json_real(per_second((double)result->requests, seconds)));
	json_object_set_new(all, "bytes_received_per_second",
	    json_real(per_second((double)result->bytes_received, seconds)));
	if (outcome->cpu_ns != -1)
		put_us(all, "cpu_us", (double)outcome->cpu_ns);
	if (outcome->cpu_ns != -1 && result->requests > 0)
		put_us(all, "cpu_us_per_request",
		    (double)outcome->cpu_ns / (double)result->requests);
	json_object_set_new(all, "latency_us", json_latency(&result->latency));
	json_object_set_new(
	    all, "histogram_us", json_histogram(&result->latency));
	if (options->address.tls)
		json_object_set_new(all, "tls", json_tls(options, outcome));
	return all;
}

bool
report_json(const struct options *options, const struct outcome *outcome)
{
	json_t *all = json_of(options, outcome);
	bool ok =
	    all != NULL && json_dumpf(all, stdout, JSON_REAL_PRECISION(9)) == 0;

	json_decref(all);
	putchar('\n');
	return fflush(stdout) == 0 && ok;
}
