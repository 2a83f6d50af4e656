/* SPDX-License-Identifier: ISC */
/*
 * `workers = auto`: one worker a processor, where a container may have a part
 * of the machine only. Asks the kernel, keeps nothing.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/cores.h"

size_t
cores_parse_quota(const char *cpu_max)
{
	long long quota, period;

	if (sscanf(cpu_max, "%lld %lld", &quota, &period) != 2)
		return 0;
	if (quota <= 0 || period <= 0)
		return 0;
	return (size_t)((quota - 1) / period + 1);
}

static size_t
affinity(void)
{
	cpu_set_t set;

	/* EINVAL: more processors than a set of this size can tell apart. */
	if (sched_getaffinity(0, sizeof(set), &set) == -1) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);
		return online < 1 ? 1 : (size_t)online;
	}
	return (size_t)CPU_COUNT(&set);
}

static int
read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return -1;
	char *got = fgets(line, (int)size, file);
	fclose(file);
	return got == NULL ? -1 : 0;
}

/* The group of this process for CONTROLLER ("" for v2) as /proc tells it:
 * "0::/path" or "4:cpu,cpuacct:/path". */
static int
own_group(const char *controller, char *group, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[512];
	int found = -1;

	if (file == NULL)
		return -1;
	while (found == -1 && fgets(line, sizeof(line), file) != NULL) {
		char *names = strchr(line, ':');
		char *path = names == NULL ? NULL : strchr(names + 1, ':');
		if (path == NULL)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		for (char *name, *rest = names + 1;
		     found == -1 && (name = strsep(&rest, ",")) != NULL;) {
			if (strcmp(name, controller) != 0)
				continue;
			strlcpy(group, path, size);
			found = 0;
		}
	}
	fclose(file);
	return found;
}

static size_t
quota_v2(void)
{
	char group[400], path[512], line[64];

	if (own_group("", group, sizeof(group)) == -1)
		return 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
	if (read_line(path, line, sizeof(line)) == -1)
		return 0;
	return cores_parse_quota(line);
}

static size_t
quota_v1(void)
{
	char group[400], path[512], quota[32], period[32], line[80];

	if (own_group("cpu", group, sizeof(group)) == -1)
		return 0;
	snprintf(
	    path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
	if (read_line(path, quota, sizeof(quota)) == -1)
		return 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us",
	    group);
	if (read_line(path, period, sizeof(period)) == -1)
		return 0;
	snprintf(line, sizeof(line), "%s %s", quota, period);
	return cores_parse_quota(line);
}

size_t
cores_available(void)
{
	size_t cores = affinity();
	size_t quota = quota_v2();

	if (quota == 0)
		quota = quota_v1();
	if (quota != 0 && quota < cores)
		cores = quota;
	return cores == 0 ? 1 : cores;
}
