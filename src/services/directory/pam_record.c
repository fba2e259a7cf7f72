/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/pam_record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool put(char *to, size_t size, struct str text)
{
	return text.len && text.len < size && str_find(text, '\0') < 0 &&
	       str_to_cstr(text, to, size);
}

bool pam_request_set(struct pam_request *r, struct str user, struct str password)
{
	return put(r->user, sizeof r->user, user) &&
	       put(r->password, sizeof r->password, password);
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int pam_request_send(int fd, const struct pam_request *r, int asker)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof *r };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof asker);
	memcpy(CMSG_DATA(head), &asker, sizeof asker);
	ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0) return errno == EINTR ? -EAGAIN : -errno;
	return sent == (ssize_t)sizeof *r ? 0 : -EPROTO;
}

static int descriptor_of(struct msghdr *m)
{
	int fd = -1;
	struct cmsghdr *head = CMSG_FIRSTHDR(m);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(head), sizeof fd);
	return fd;
}

static bool is_sane(const struct pam_request *r)
{
	return r->user[0] && r->password[0] && r->user[sizeof r->user - 1] == '\0' &&
	       r->password[sizeof r->password - 1] == '\0';
}

int pam_request_receive(int fd, struct pam_request *r, int *asker)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = r, .iov_len = sizeof *r };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof control };
	ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0) return -errno;
	*asker = descriptor_of(&m);
	if (got == (ssize_t)sizeof *r && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    *asker >= 0 && is_sane(r))
		return 1;
	bool ended = got == 0 && *asker < 0;
	if (*asker >= 0) (void)close(*asker);
	*asker = -1;
	return ended ? 0 : -EPROTO;
}
