/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_CAPTURE_H
#define CLIENTS_PREFORKSNIFF_CAPTURE_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/preforksniff_status.h"

/* Where packets come from: an interface or a savefile. Zero to begin. */
struct capture {
	pcap_t *pcap; /* NULL until opened */
	int fd;	      /* live: readable when there are packets */
	int stop_fd;  /* readable when a stop was asked for; not ours */
	bool live;
	const char *name; /* for people: interface or path; not ours */
};

struct capture_wish {
	const char *interface; /* "any" for all */
	int snap_length;       /* bytes kept of a packet */
	bool promiscuous;
};

/* Where packets go. */
struct capture_sink {
	/* Takes one; false when it cannot and no more shall come. */
	bool (*packet)(
	    void *data, const struct pcap_pkthdr *header, const u_char *bytes);
	/* All that were there have come. False as above. */
	bool (*pause)(void *data);
	void *data;
	int watch_fd; /* ends the capture when nobody reads it; or -1 */
};

/* Opens an interface (needs CAP_NET_RAW) or a savefile, called NAME in what is
 * said of it. FILE stays the caller's until it succeeds. Return the status,
 * with a line in WHY when not SNIFF_DONE. */
enum sniff_status capture_open_live(struct capture *capture,
    const struct capture_wish *wish, char *why, size_t why_size);
enum sniff_status capture_open_file(struct capture *capture, FILE *file,
    const char *name, char *why, size_t why_size);

/* Lets only packets through that the expression TEXT is true for. BLOCKS when
 * names in it must be looked up. The same results. */
enum sniff_status capture_filter(
    struct capture *capture, const char *text, char *why, size_t why_size);

/*
 * Gives packets to SINK: COUNT of them (0: all) or until the file ends, the
 * sink wants no more, or a stop is asked for. The same results.
 */
enum sniff_status capture_run(struct capture *capture, uint64_t count,
    const struct capture_sink *sink, char *why, size_t why_size);

void capture_close(struct capture *capture);

#endif
