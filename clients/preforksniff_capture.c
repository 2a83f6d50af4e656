/* SPDX-License-Identifier: ISC */
/*
 * Packets out of libpcap: from the ring that the kernel fills, or from a file.
 * One loop for both. It ends at once when that is asked for, but first takes
 * what the kernel has already seen.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforksniff_capture.h"
#include "common/clock.h"

/* The kernel hands a block of its ring over when it is full or so old. */
#define BLOCK_AGE_MS 20

/* What a busy server sends in some milliseconds, while the terminal is slow. */
#define RING_BYTES (8 * 1024 * 1024)

/* Packets between two looks at whether a stop was asked for. */
#define BATCH 256

/* --- opening ------------------------------------------------------------- */

static enum sniff_status
fail_open(
    pcap_t *pcap, const char *interface, int error, char *why, size_t why_size)
{
	const char *detail = pcap_geterr(pcap);

	switch (error) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		snprintf(why, why_size,
		    "cannot capture on \"%s\": not permitted, it needs root "
		    "or CAP_NET_RAW",
		    interface);
		return SNIFF_FORBIDDEN;
	case PCAP_ERROR_NO_SUCH_DEVICE:
		snprintf(why, why_size,
		    "cannot capture on \"%s\": there is no such interface",
		    interface);
		return SNIFF_FAILED;
	default:
		snprintf(why, why_size, "cannot capture on \"%s\": %s",
		    interface,
		    *detail == '\0' ? pcap_statustostr(error) : detail);
		return SNIFF_FAILED;
	}
}

enum sniff_status
capture_open_live(struct capture *capture, const struct capture_wish *wish,
    char *why, size_t why_size)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_create(wish->interface, error);

	if (pcap == NULL) {
		snprintf(why, why_size, "cannot capture on \"%s\": %s",
		    wish->interface, error);
		return SNIFF_FAILED;
	}
	pcap_set_snaplen(pcap, wish->snap_length);
	pcap_set_promisc(pcap, wish->promiscuous);
	pcap_set_timeout(pcap, BLOCK_AGE_MS);
	pcap_set_buffer_size(pcap, RING_BYTES);
	int rc = pcap_activate(pcap);
	if (rc < 0) {
		enum sniff_status status =
		    fail_open(pcap, wish->interface, rc, why, why_size);
		pcap_close(pcap);
		return status;
	}
	/* For "any": the kind of header that names the interface. */
	if (pcap_datalink(pcap) == DLT_LINUX_SLL)
		pcap_set_datalink(pcap, DLT_LINUX_SLL2);
	if (pcap_setnonblock(pcap, 1, error) == -1) {
		snprintf(why, why_size, "cannot capture on \"%s\": %s",
		    wish->interface, error);
		pcap_close(pcap);
		return SNIFF_FAILED;
	}
	capture->pcap = pcap;
	capture->fd = pcap_get_selectable_fd(pcap);
	capture->live = true;
	capture->name = wish->interface;
	return SNIFF_DONE;
}

enum sniff_status
capture_open_file(struct capture *capture, FILE *file, const char *name,
    char *why, size_t why_size)
{
	char error[PCAP_ERRBUF_SIZE] = "";

	capture->pcap = pcap_fopen_offline(file, error);
	capture->fd = -1;
	capture->live = false;
	capture->name = name;
	if (capture->pcap != NULL)
		return SNIFF_DONE;
	snprintf(why, why_size, "cannot read \"%s\": %s", name, error);
	return SNIFF_FAILED;
}

void
capture_close(struct capture *capture)
{
	if (capture->pcap != NULL)
		pcap_close(capture->pcap);
	capture->pcap = NULL;
}

enum sniff_status
capture_filter(
    struct capture *capture, const char *text, char *why, size_t why_size)
{
	struct bpf_program program;

	if (pcap_compile(
		capture->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) == -1) {
		snprintf(why, why_size, "wrong filter \"%s\": %s", text,
		    pcap_geterr(capture->pcap));
		return SNIFF_USAGE;
	}
	int rc = pcap_setfilter(capture->pcap, &program);
	pcap_freecode(&program);
	if (rc == 0)
		return SNIFF_DONE;
	snprintf(why, why_size, "cannot set the filter: %s",
	    pcap_geterr(capture->pcap));
	return SNIFF_FAILED;
}

/* --- running ------------------------------------------------------------- */

/* One run, for the callback. */
struct run {
	struct capture *capture;
	const struct capture_sink *sink;
	uint64_t left;
	bool refused; /* by the sink */
};

static void
take_packet(u_char *data, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct run *run = (struct run *)data;

	if (run->refused)
		return;
	run->left--;
	if (run->sink->packet(run->sink->data, header, bytes))
		return;
	run->refused = true;
	pcap_breakloop(run->capture->pcap);
}

/* Takes what is there, at most BATCH. Returns the number, or less than 0. */
static int
take_batch(struct run *run)
{
	int n = run->left < BATCH ? (int)run->left : BATCH;

	return pcap_dispatch(run->capture->pcap, n, take_packet, (u_char *)run);
}

enum wait_result { WAIT_TIME = 0, WAIT_PACKETS, WAIT_STOP, WAIT_UNHEARD };

static enum wait_result
wait_for_packets(const struct run *run, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = run->capture->stop_fd, .events = POLLIN },
		{ .fd = run->sink->watch_fd }, /* POLLERR: nobody reads */
		{ .fd = run->capture->fd, .events = POLLIN },
	};

	if (poll(fds, 3, timeout_ms) <= 0)
		return WAIT_TIME;
	if (fds[0].revents != 0)
		return WAIT_STOP;
	return fds[1].revents != 0 ? WAIT_UNHEARD : WAIT_PACKETS;
}

static bool
stop_is_asked(const struct capture *capture)
{
	struct pollfd fd = { .fd = capture->stop_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

/* A block of the ring that is not full is handed over only when its time has
 * come: what was there when the stop came is waited for, no longer. */
static int
take_rest(struct run *run)
{
	int64_t end_ms = clock_monotonic_ms() + 2 * BLOCK_AGE_MS;
	int64_t left_ms;
	int n = 0;

	while (n >= 0 && run->left > 0 && !run->refused &&
	    (left_ms = end_ms - clock_monotonic_ms()) > 0) {
		struct pollfd fd = { .fd = run->capture->fd, .events = POLLIN };

		n = take_batch(run);
		if (n == 0)
			poll(&fd, 1, (int)left_ms);
	}
	return n;
}

static int
run_live(struct run *run)
{
	while (run->left > 0 && !run->refused) {
		int n = take_batch(run);

		if (n < 0)
			return run->refused ? 0 : n;
		if (!run->sink->pause(run->sink->data))
			return 0;
		switch (wait_for_packets(run, n > 0 ? 0 : -1)) {
		case WAIT_STOP:
			return take_rest(run);
		case WAIT_UNHEARD:
			return 0;
		case WAIT_TIME:
		case WAIT_PACKETS:
			break;
		}
	}
	return 0;
}

/* A stop makes the file end wherever it is: that is no error then. */
static int
run_file(struct run *run)
{
	int n;

	do {
		n = take_batch(run);
	} while (n > 0 && run->left > 0 && !run->refused &&
	    !stop_is_asked(run->capture));
	return run->refused || stop_is_asked(run->capture) ? 0 : n;
}

enum sniff_status
capture_run(struct capture *capture, uint64_t count,
    const struct capture_sink *sink, char *why, size_t why_size)
{
	struct run run = {
		.capture = capture,
		.sink = sink,
		.left = count == 0 ? UINT64_MAX : count,
	};
	int n = capture->live ? run_live(&run) : run_file(&run);

	if (n >= 0 || run.refused)
		return SNIFF_DONE;
	snprintf(why, why_size, "cannot %s \"%s\": %s",
	    capture->live ? "capture on" : "read", capture->name,
	    pcap_geterr(capture->pcap));
	return SNIFF_FAILED;
}
