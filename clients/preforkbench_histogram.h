/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_HISTOGRAM_H
#define CLIENTS_PREFORKBENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * How often each value was seen, in buckets that grow with the value: up to
 * 2 * HISTOGRAM_STEPS each value has its own, above each power of two is cut
 * into HISTOGRAM_STEPS. So what is told of a value is wrong by less than one
 * part in HISTOGRAM_STEPS, whatever its size; least, most and sum are exact.
 * Plain memory, which may be shared: all zero is an empty one. Pure.
 */
#define HISTOGRAM_STEPS	  128
#define HISTOGRAM_OCTAVES 35 /* to 2^42: nanoseconds of an hour */
#define HISTOGRAM_MAX	  ((INT64_C(1) << 42) - 1) /* larger ones count as this */
#define HISTOGRAM_BUCKETS ((size_t)HISTOGRAM_STEPS * (HISTOGRAM_OCTAVES + 1))

struct histogram {
	uint64_t n;
	int64_t min, max, sum;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The bucket of VALUE (from 0 to HISTOGRAM_MAX), and the least and the most
 * that a bucket holds. */
static inline size_t
histogram_bucket(int64_t value)
{
	if (value < 2 * HISTOGRAM_STEPS)
		return (size_t)value;
	/* So far down that one of the steps is left. */
	int shift = 63 - __builtin_clzll((unsigned long long)value) - 7;
	return (size_t)(HISTOGRAM_STEPS * shift) + (size_t)(value >> shift);
}

int64_t histogram_least_of(size_t bucket);
int64_t histogram_most_of(size_t bucket);

/* Counts VALUE; one below 0 counts as 0. */
static inline void
histogram_add(struct histogram *histogram, int64_t value)
{
	if (value < 0)
		value = 0;
	else if (value > HISTOGRAM_MAX)
		value = HISTOGRAM_MAX;
	if (histogram->n++ == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->sum += value;
	histogram->buckets[histogram_bucket(value)]++;
}

/* Adds what FROM has seen to INTO. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* 0 when nothing was seen. */
double histogram_mean(const struct histogram *histogram);

/*
 * The value that PART (0.99) of those seen do not exceed; exact to the bucket,
 * of which it is the most, but never beyond the most that was seen. 0 when
 * nothing was.
 */
int64_t histogram_percentile(const struct histogram *histogram, double part);

/* How many were seen from LEAST to MOST; both are of whole buckets. */
uint64_t histogram_between(
    const struct histogram *histogram, int64_t least, int64_t most);

#endif
