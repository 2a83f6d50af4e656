/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_OUTPUT_H
#define CLIENTS_PREFORKSNIFF_OUTPUT_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/preforksniff_print.h"
#include "clients/preforksniff_status.h"
#include "clients/preforksniff_stream.h"

#define OUTPUT_BUFFER_BYTES 65536

/* Where packets go: lines on standard output, or a savefile. */
struct output {
	int fd;
	struct stream stream;		  /* on FD */
	FILE *file;			  /* the same; NULL until begun */
	char buffer[OUTPUT_BUFFER_BYTES]; /* of FILE */
	pcap_dumper_t *dumper;		  /* owns FILE; NULL: lines */
	struct print_style style;
	int link_type;
	uint64_t n_packets;
	int error; /* errno of the first write that failed, or 0 */
};

/*
 * Opens PATH (NULL: lines on standard output; "-": a savefile there), whose
 * content stays as it is for now. INPUT_FD is what is read, or -1: the same
 * file is refused. Returns the status, with a line in WHY.
 */
enum sniff_status output_open(struct output *output, const char *path,
    int input_fd, char *why, size_t why_size);

/* Begins to write what PCAP will bring; a file loses what it had. Nothing
 * waits any more once STOP_FD is readable. The same results. */
enum sniff_status output_begin(struct output *output, pcap_t *pcap,
    bool savefile, int stop_fd, char *why, size_t why_size);

/* For a capture_sink, DATA is the output: one packet; everything so far out of
 * the buffer. False when it cannot be written. */
bool output_packet(
    void *data, const struct pcap_pkthdr *header, const u_char *bytes);
bool output_flush(void *data);

/* Writes the rest and closes. Failed writes are told here; a reader that went
 * away is no failure. The same results. */
enum sniff_status
output_close(struct output *output, char *why, size_t why_size);

#endif
