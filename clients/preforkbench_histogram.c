/* SPDX-License-Identifier: ISC */
/*
 * A log-linear histogram: a few buckets for any range of values, with an error
 * that is bounded relative to the value. What preforkbench keeps of latencies,
 * one a process, in memory that they share. Pure.
 */
#include "clients/preforkbench_histogram.h"

_Static_assert(HISTOGRAM_STEPS == 1 << 7, "histogram_bucket() shifts by 7");

static int
shift_of(size_t bucket)
{
	return bucket < (size_t)2 * HISTOGRAM_STEPS
	    ? 0
	    : (int)(bucket / HISTOGRAM_STEPS) - 1;
}

int64_t
histogram_least_of(size_t bucket)
{
	int shift = shift_of(bucket);

	return ((int64_t)bucket - (int64_t)HISTOGRAM_STEPS * shift) << shift;
}

int64_t
histogram_most_of(size_t bucket)
{
	return histogram_least_of(bucket) + ((int64_t)1 << shift_of(bucket)) -
	    1;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (from->n == 0)
		return;
	if (into->n == 0 || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->n += from->n;
	into->sum += from->sum;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

double
histogram_mean(const struct histogram *histogram)
{
	if (histogram->n == 0)
		return 0;
	return (double)histogram->sum / (double)histogram->n;
}

int64_t
histogram_percentile(const struct histogram *histogram, double part)
{
	/* Less what the product may be wrong by: 0.007 of 20,000 is 140. */
	double exact = part * (double)histogram->n * (1 - 1e-12);
	/* The how-manyth it is, from 1; 0.5 of 3 is the second. */
	uint64_t rank = (uint64_t)exact + ((double)(uint64_t)exact < exact);
	uint64_t seen = 0;

	if (histogram->n == 0)
		return 0;
	if (rank <= 1)
		return histogram->min;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen < rank)
			continue;
		int64_t most = histogram_most_of(i);
		return most < histogram->max ? most : histogram->max;
	}
	return histogram->max;
}

uint64_t
histogram_between(
    const struct histogram *histogram, int64_t least, int64_t most)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram_least_of(i) >= least &&
		    histogram_most_of(i) <= most)
			n += histogram->buckets[i];
	}
	return n;
}
