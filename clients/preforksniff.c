/* SPDX-License-Identifier: ISC */
/*
 * preforksniff: shows the packets that pass an interface, or that a savefile
 * holds, a line each; or writes them to a savefile. Opens what it needs, gives
 * up every privilege, and only then looks at bytes that come from outside.
 * The exit status tells how it went (see preforksniff_status.h).
 */
#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/preforksniff_capture.h"
#include "clients/preforksniff_decode.h"
#include "clients/preforksniff_filter.h"
#include "clients/preforksniff_options.h"
#include "clients/preforksniff_output.h"
#include "clients/preforksniff_privileges.h"
#include "clients/preforksniff_stream.h"

/* Room for a complaint that quotes a filter. */
#define WHY_SIZE (FILTER_TEXT_MAX + 1024)

static char why[WHY_SIZE];

/* Ends the program with the complaint in `why` unless STATUS is good. */
static void
insist(enum sniff_status status)
{
	if (status == SNIFF_DONE)
		return;
	options_complain("%s", why);
	exit(status);
}

/* --- descriptors and signals --------------------------------------------- */

/* A descriptor below 3 that is closed would be taken by the next file that is
 * opened, and lines for people would go there. */
static void
fill_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", O_RDONLY) != fd)
			exit(SNIFF_FAILED);
	}
}

/* Shells start what is in the background with INT ignored; it was asked to
 * capture until it gets one. HUP stays ignored below nohup(1). */
static int
open_stop(sigset_t *stop_signals)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(stop_signals);
	sigaddset(stop_signals, SIGINT);
	sigaddset(stop_signals, SIGTERM);
	sigaddset(stop_signals, SIGHUP);
	sigprocmask(SIG_UNBLOCK, stop_signals, NULL);
	int fd = signalfd(-1, stop_signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd != -1)
		return fd;
	options_complain("cannot open a signalfd: %s", strerror(errno));
	exit(SNIFF_FAILED);
}

/* Files would be opened with the rights of another user. */
static void
refuse_setuid(void)
{
	if (getuid() == geteuid() && getgid() == getegid())
		return;
	options_complain("not made to be setuid: give it CAP_NET_RAW, as the "
			 "manual says");
	exit(SNIFF_FORBIDDEN);
}

/* --- the steps ----------------------------------------------------------- */

static enum sniff_status
list_interfaces(void)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_if_t *all;

	if (pcap_findalldevs(&all, error) == -1) {
		snprintf(why, sizeof(why), "cannot list interfaces: %s", error);
		return SNIFF_FAILED;
	}
	for (const pcap_if_t *one = all; one != NULL; one = one->next)
		printf("%-16s %-5s%s\n", one->name,
		    one->flags & PCAP_IF_UP ? "up" : "down",
		    one->description == NULL ? "" : one->description);
	pcap_freealldevs(all);
	return fflush(stdout) == EOF ? SNIFF_FAILED : SNIFF_DONE;
}

/* The expression that the words of the command line mean. */
static const char *
read_filter(const char *const *words)
{
	static struct buffer text;
	bool unknown_name;

	buffer_init(&text, FILTER_TEXT_MAX);
	if (!filter_make(&text, words, &unknown_name, why, sizeof(why)))
		insist(unknown_name ? SNIFF_FAILED : SNIFF_USAGE);
	buffer_append(&text, "", 1);
	return buffer_data(&text);
}

/* Returns the descriptor of the file to read. */
static int
open_input(const char *path)
{
	int fd = STDIN_FILENO;

	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		return fd;
	snprintf(
	    why, sizeof(why), "cannot open \"%s\": %s", path, strerror(errno));
	insist(
	    errno == EACCES || errno == EPERM ? SNIFF_FORBIDDEN : SNIFF_FAILED);
	return -1;
}

static enum sniff_status
read_file(struct capture *capture, int fd, const char *path)
{
	static struct stream stream;

	stream = (struct stream){ fd, capture->stop_fd };
	FILE *file = stream_reader(&stream);
	if (file == NULL) {
		snprintf(why, sizeof(why), "cannot read \"%s\": %s", path,
		    strerror(errno));
		return SNIFF_FAILED;
	}
	enum sniff_status status =
	    capture_open_file(capture, file, path, why, sizeof(why));
	if (status != SNIFF_DONE)
		fclose(file);
	return status;
}

static void
give_up_privileges(const char *user)
{
	if (!sniff_privileges_drop(user, why, sizeof(why)))
		insist(errno == EPERM ? SNIFF_FORBIDDEN : SNIFF_FAILED);
}

/* Opens both ends with the privileges there are, goes on without. */
static void
open_ends(const struct options *options, struct capture *capture,
    struct output *output)
{
	int input_fd = -1;

	if (options->read_path != NULL)
		input_fd = open_input(options->read_path);
	else
		insist(capture_open_live(
		    capture, &options->wish, why, sizeof(why)));
	insist(output_open(
	    output, options->write_path, input_fd, why, sizeof(why)));
	give_up_privileges(options->user);
	if (input_fd != -1)
		insist(read_file(capture, input_fd, options->read_path));
}

static void
tell_beginning(const struct options *options, const struct capture *capture)
{
	int type = pcap_datalink(capture->pcap);
	const char *name = pcap_datalink_val_to_description_or_dlt(type);

	if (options->write_path == NULL && !decode_knows(type))
		options_complain(
		    "packets of the link type %s are not taken apart", name);
	if (capture->live)
		options_complain(
		    "listening on %s (%s), at most %d bytes a packet",
		    options->wish.interface, name, options->wish.snap_length);
}

static void
tell_end(const struct capture *capture, const struct output *output)
{
	struct pcap_stat stat;

	if (!capture->live || pcap_stats(capture->pcap, &stat) == -1)
		return;
	options_complain("packets captured: %" PRIu64
			 ", dropped by the kernel: %u, by the interface: %u",
	    output->n_packets, stat.ps_drop, stat.ps_ifdrop);
}

/* Everything behind the privileges. Returns the exit status. */
static enum sniff_status
run(const struct options *options, struct capture *capture,
    struct output *output)
{
	const struct capture_sink sink = {
		.packet = output_packet,
		.pause = output_flush,
		.data = output,
		.watch_fd = output->fd,
	};

	tell_beginning(options, capture);
	enum sniff_status status =
	    capture_run(capture, options->count, &sink, why, sizeof(why));
	if (status != SNIFF_DONE)
		options_complain("%s", why);
	enum sniff_status closed = output_close(output, why, sizeof(why));
	if (closed != SNIFF_DONE)
		options_complain("%s", why);
	tell_end(capture, output);
	return status != SNIFF_DONE ? status : closed;
}

int
main(int argc, char **argv)
{
	/* What has begun goes with the program where that exits early. */
	static struct capture capture = { .fd = -1 };
	static struct output output = { .fd = -1 };
	struct options options;
	sigset_t stop_signals;

	fill_standard_descriptors();
	refuse_setuid();
	options_read(&options, argc, argv);
	if (options.list_interfaces) {
		insist(list_interfaces());
		return SNIFF_DONE;
	}
	tzset();
	capture.stop_fd = open_stop(&stop_signals);
	const char *filter = read_filter((const char *const *)options.words);
	open_ends(&options, &capture, &output);
	insist(capture_filter(&capture, filter, why, sizeof(why)));
	output.style = (struct print_style){
		.payload = options.payload,
		.interfaces_named = capture.live,
	};
	/* Until here a signal just ends it: nothing is lost, and looking up
	 * names may take its time. */
	sigprocmask(SIG_BLOCK, &stop_signals, NULL);
	insist(output_begin(&output, capture.pcap, options.write_path != NULL,
	    capture.stop_fd, why, sizeof(why)));
	enum sniff_status status = run(&options, &capture, &output);
	capture_close(&capture);
	close(capture.stop_fd);
	return status;
}
