/* SPDX-License-Identifier: ISC */
/*
 * What preforksniff writes. The file is opened while there are privileges, and
 * emptied only when it is certain that something comes. A captured payload is
 * not for everybody: a new file is for its owner alone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforksniff_decode.h"
#include "clients/preforksniff_output.h"

#define FILE_MODE 0600

static enum sniff_status
fail(const char *path, char *why, size_t why_size)
{
	snprintf(
	    why, why_size, "cannot write \"%s\": %s", path, strerror(errno));
	return errno == EACCES || errno == EPERM ? SNIFF_FORBIDDEN
						 : SNIFF_FAILED;
}

static bool
is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev &&
	    sa.st_ino == sb.st_ino;
}

enum sniff_status
output_open(struct output *output, const char *path, int input_fd, char *why,
    size_t why_size)
{
	output->fd = STDOUT_FILENO;
	if (path == NULL)
		return SNIFF_DONE;
	if (strcmp(path, "-") == 0) {
		if (!isatty(STDOUT_FILENO))
			return SNIFF_DONE;
		snprintf(why, why_size,
		    "a savefile is not for a terminal: redirect it");
		return SNIFF_USAGE;
	}
	output->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (output->fd == -1)
		return fail(path, why, why_size);
	if (input_fd == -1 || !is_same_file(output->fd, input_fd))
		return SNIFF_DONE;
	snprintf(why, why_size, "\"%s\" is the file that is read", path);
	return SNIFF_USAGE;
}

static bool
is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Standard output may stand in the middle of a file: that stays. */
static bool
empty(int fd)
{
	return fd == STDOUT_FILENO || !is_regular(fd) || ftruncate(fd, 0) == 0;
}

enum sniff_status
output_begin(struct output *output, pcap_t *pcap, bool savefile, int stop_fd,
    char *why, size_t why_size)
{
	output->stream = (struct stream){ output->fd, stop_fd };
	FILE *file = stream_writer(&output->stream);
	if (file == NULL || !empty(output->fd)) {
		snprintf(why, why_size, "cannot write: %s", strerror(errno));
		if (file != NULL)
			fclose(file);
		return SNIFF_FAILED;
	}
	setvbuf(file, output->buffer, _IOFBF, sizeof(output->buffer));
	output->link_type = pcap_datalink(pcap);
	output->file = file;
	if (!savefile)
		return SNIFF_DONE;
	output->dumper = pcap_dump_fopen(pcap, file);
	if (output->dumper != NULL)
		return SNIFF_DONE;
	snprintf(why, why_size, "cannot write: %s", pcap_geterr(pcap));
	return SNIFF_FAILED;
}

static bool
is_written(struct output *output)
{
	if (!ferror(output->file))
		return true;
	if (output->error == 0)
		output->error = errno != 0 ? errno : EIO;
	return false;
}

bool
output_packet(void *data, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct output *output = data;
	struct packet packet;

	output->n_packets++;
	if (output->dumper != NULL)
		pcap_dump((u_char *)output->dumper, header, bytes);
	else {
		decode_packet(&packet, output->link_type, bytes, header->caplen,
		    header->len);
		print_packet(
		    output->file, &packet, &header->ts, &output->style);
	}
	return is_written(output);
}

bool
output_flush(void *data)
{
	struct output *output = data;

	fflush(output->file);
	return is_written(output);
}

enum sniff_status
output_close(struct output *output, char *why, size_t why_size)
{
	if (output->file == NULL)
		return SNIFF_DONE;
	output_flush(output);
	if (output->dumper != NULL)
		pcap_dump_close(output->dumper);
	else
		fclose(output->file);
	output->dumper = NULL;
	output->file = NULL;
	/* Some file systems tell only now that there is no room. */
	if (close(output->fd) == -1 && output->error == 0)
		output->error = errno;
	if (output->error == 0 || output->error == EPIPE ||
	    output->error == ECANCELED)
		return SNIFF_DONE;
	snprintf(why, why_size, "cannot write: %s", strerror(output->error));
	return SNIFF_FAILED;
}
