/* SPDX-License-Identifier: Apache-2.0 */
/* The role's side of the PAM helper. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/directory/pam_record.h"
#include "services/directory/wait.h"

static enum pam_verdict down(struct buf *why, int error)
{
	why_errno(why, "pam", error);
	return PAM_VERDICT_DOWN;
}

static int send_in_time(int helper_fd, const struct pam_request *request, int asker,
			int64_t deadline_ms)
{
	int error;
	while ((error = pam_request_send(helper_fd, request, asker)) == -EAGAIN) {
		error = wait_fd(helper_fd, POLLOUT, deadline_ms);
		if (error) break;
	}
	return error;
}

static enum pam_verdict read_reply(int fd, int64_t deadline_ms, struct buf *why)
{
	struct pam_reply reply = { 0 };
	int error = wait_fd(fd, POLLIN, deadline_ms);
	if (error) return down(why, -error);
	ssize_t got = recv(fd, &reply, sizeof reply, MSG_DONTWAIT);
	if (got != (ssize_t)sizeof reply || reply.why_len > sizeof reply.why ||
	    reply.verdict > PAM_VERDICT_LATER)
		return down(why, got < 0 ? errno : EPROTO);
	struct str text = { reply.why, reply.why_len };
	struct str prefix = STR("pam: ");
	if (str_starts(text, prefix)) text = str_from(text, prefix.len);
	buf_reset(why);
	if (reply.verdict != PAM_VERDICT_YES) why_say(why, "pam", text);
	return (enum pam_verdict)reply.verdict;
}

/* The asker's end is closed when it gives up: that ends the child. */
enum pam_verdict pam_helper_ask(int helper_fd, struct str user, struct str password,
				int64_t deadline_ms, struct buf *why)
{
	struct pam_request request;
	int ends[2];
	memset(&request, 0, sizeof request);
	if (!pam_request_set(&request, user, password)) {
		why_say(why, "pam", STR("a name or password that cannot be one"));
		return PAM_VERDICT_NO;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) !=
	    0)
		return down(why, errno);
	int error = send_in_time(helper_fd, &request, ends[1], deadline_ms);
	(void)close(ends[1]);
	explicit_bzero(&request, sizeof request);
	enum pam_verdict verdict =
		error ? down(why, -error) : read_reply(ends[0], deadline_ms, why);
	(void)close(ends[0]);
	return verdict;
}
