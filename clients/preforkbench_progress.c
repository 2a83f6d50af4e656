/* SPDX-License-Identifier: ISC */
/*
 * The line of progress on a terminal.
 */
#include <stdio.h>
#include <unistd.h>

#include "clients/preforkbench_progress.h"

static struct progress {
	uint64_t requests;
	int64_t at_ns;
} before;

bool
progress_init(void)
{
	before = (struct progress){ 0 };
	return isatty(STDERR_FILENO) == 1;
}

/* A word that its writer changes meanwhile. */
static uint64_t
look_at(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

void
progress_show(const struct result *results, unsigned n, int64_t begin_ns,
    int64_t end_ns, int64_t now_ns)
{
	struct progress now = { .at_ns = now_ns };
	uint64_t failed = 0;

	for (unsigned i = 0; i < n; i++) {
		now.requests += look_at(&results[i].requests);
		for (int j = 0; j < N_FAILURES; j++)
			failed += look_at(&results[i].failed[j]);
	}
	if (before.at_ns == 0)
		before.at_ns = begin_ns;
	fprintf(stderr,
	    "\r%5.1f of %.0f s  %12llu requests  %10.0f/s  %llu failed ",
	    (double)(now_ns - begin_ns) / 1e9,
	    (double)(end_ns - begin_ns) / 1e9, (unsigned long long)now.requests,
	    (double)(now.requests - before.requests) * 1e9 /
		(double)(now.at_ns - before.at_ns),
	    (unsigned long long)failed);
	fflush(stderr);
	before = now;
}

void
progress_clear(void)
{
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
