/* SPDX-License-Identifier: ISC */
/*
 * sock_diag(7) for one socket of ours: a request by its inode, one answer.
 * Supervisor only, when somebody asks for statistics. The kernel answers
 * within sendmsg(2), so there is nothing to wait for.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/unix_queue.h"

static bool
ask(int netlink_fd, ino_t inode)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.request = {
			.sdiag_family = AF_UNIX,
			.udiag_states = 1u << TCP_LISTEN,
			.udiag_ino = (unsigned)inode,
			.udiag_show = UDIAG_SHOW_RQLEN,
			.udiag_cookie = { ~0u,
			    ~0u },
		},
	};

	return send(netlink_fd, &message, sizeof(message), 0) ==
	    (ssize_t)sizeof(message);
}

static bool
read_answer(int netlink_fd, struct unix_diag_rqlen *queue)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} answer;
	ssize_t n = recv(netlink_fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n < 0 || !NLMSG_OK(&answer.header, (size_t)n) ||
	    answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    answer.header.nlmsg_len <
		NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
		return false;
	struct unix_diag_msg *message = NLMSG_DATA(&answer.header);
	struct rtattr *attribute = (struct rtattr *)(message + 1);
	size_t left = answer.header.nlmsg_len -
	    NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != UNIX_DIAG_RQLEN ||
		    RTA_PAYLOAD(attribute) < sizeof(*queue))
			continue;
		memcpy(queue, RTA_DATA(attribute), sizeof(*queue));
		return true;
	}
	return false;
}

bool
unix_queue(int fd, unsigned *waiting, unsigned *limit)
{
	struct unix_diag_rqlen queue;
	struct stat st;
	int netlink_fd =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (netlink_fd == -1)
		return false;
	bool known = fstat(fd, &st) == 0 && ask(netlink_fd, st.st_ino) &&
	    read_answer(netlink_fd, &queue);
	close(netlink_fd);
	if (!known)
		return false;
	*waiting = queue.udiag_rqueue;
	*limit = queue.udiag_wqueue;
	return true;
}
