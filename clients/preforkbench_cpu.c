/* SPDX-License-Identifier: ISC */
/*
 * What a server costs, from /proc: a server is a tree of processes that come
 * and go. The times of /proc/PID/stat are cut to ticks of the clock, those of
 * schedstat are not, but know only of threads that live: the greater counts.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkbench_cpu.h"

#define SECOND_NS INT64_C(1000000000)

struct process {
	pid_t pid, parent;
	int64_t own_ns, waited_for_ns;
	bool is_of_tree;
};

struct table {
	struct process *rows;
	size_t n, room;
};

/* The start of a file, as text. False when there is none. */
static bool
read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static int64_t
ticks_ns(unsigned long long ticks)
{
	return (int64_t)ticks * (SECOND_NS / sysconf(_SC_CLK_TCK));
}

static bool
read_stat(struct process *process, pid_t pid)
{
	unsigned long long user, system, children_user, children_system;
	char path[64], text[1024];
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_file(path, text, sizeof(text)))
		return false;
	/* The name, in parentheses, may have any byte in it. */
	const char *rest = strrchr(text, ')');
	if (rest == NULL ||
	    sscanf(rest + 1,
		" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
		" %llu %llu %llu %llu",
		&parent, &user, &system, &children_user, &children_system) != 5)
		return false;
	*process = (struct process){
		.pid = pid,
		.parent = parent,
		.own_ns = ticks_ns(user + system),
		.waited_for_ns = ticks_ns(children_user + children_system),
	};
	return true;
}

/* Of all its threads. */
static int64_t
schedstat_ns(pid_t pid)
{
	char path[128], text[128];
	struct dirent *entry;
	int64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return 0;
	while ((entry = readdir(folder)) != NULL) {
		int thread = atoi(entry->d_name);
		if (thread <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat",
		    (int)pid, thread);
		if (read_file(path, text, sizeof(text)))
			sum += strtoll(text, NULL, 10);
	}
	closedir(folder);
	return sum;
}

static bool
add_row(struct table *table, const struct process *process)
{
	if (table->n == table->room) {
		size_t room = table->room == 0 ? 256 : 2 * table->room;
		void *rows =
		    reallocarray(table->rows, room, sizeof(*table->rows));
		if (rows == NULL)
			return false;
		table->rows = rows;
		table->room = room;
	}
	table->rows[table->n++] = *process;
	return true;
}

static bool
read_all(struct table *table)
{
	struct process process;
	struct dirent *entry;
	bool ok = true;

	DIR *folder = opendir("/proc");
	if (folder == NULL)
		return false;
	while (ok && (entry = readdir(folder)) != NULL) {
		pid_t pid = atoi(entry->d_name);
		if (pid > 0 && read_stat(&process, pid))
			ok = add_row(table, &process);
	}
	closedir(folder);
	return ok;
}

static bool
has_parent_of_tree(const struct table *table, const struct process *process)
{
	for (size_t i = 0; i < table->n; i++) {
		if (table->rows[i].pid == process->parent)
			return table->rows[i].is_of_tree;
	}
	return false;
}

/* Again and again, for a child may have a smaller pid. False: no such root. */
static bool
mark_tree(struct table *table, pid_t root)
{
	bool found = false, changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < table->n; i++) {
			struct process *process = &table->rows[i];
			if (process->is_of_tree)
				continue;
			process->is_of_tree = process->pid == root ||
			    has_parent_of_tree(table, process);
			changed |= process->is_of_tree;
			found |= process->is_of_tree;
		}
	}
	return found;
}

int64_t
cpu_of_tree(pid_t root)
{
	struct table table = { 0 };
	int64_t sum = -1;

	if (root > 0 && read_all(&table) && mark_tree(&table, root)) {
		sum = 0;
		for (size_t i = 0; i < table.n; i++) {
			const struct process *process = &table.rows[i];
			if (!process->is_of_tree)
				continue;
			int64_t running_ns = schedstat_ns(process->pid);
			sum += process->waited_for_ns +
			    (running_ns > process->own_ns ? running_ns
							  : process->own_ns);
		}
	}
	free(table.rows);
	return sum;
}
