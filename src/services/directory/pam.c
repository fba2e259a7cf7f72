/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/pam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "services/directory/pam_helper.h"
#include "services/directory/wait.h"

enum { HELPERS_MAX = 64 };

/* The helpers of this process, one for each service. Written before there are threads. */
static struct {
	struct one {
		struct pam_service service;
		int fd;
		struct loop_io *io;
	} at[HELPERS_MAX];
	size_t count;
	void (*ended)(void *arg);
	void *arg;
} helpers;

struct pam {
	const struct backend_settings *c; /* the source's */
	int helper;
};

static const struct one *helper_find(const struct backend_settings *c)
{
	for (size_t i = 0; i < helpers.count; i++)
		if (strcmp(helpers.at[i].service.name, c->pam.service) == 0 &&
		    strcmp(helpers.at[i].service.folder, c->pam.folder) == 0)
			return &helpers.at[i];
	return NULL;
}

/* --- helpers ------------------------------------------------------------------------ */

static int helper_start(const struct backend_settings *c)
{
	struct one *one = &helpers.at[helpers.count];
	if (helpers.count == HELPERS_MAX) return -ENOSPC;
	memset(one, 0, sizeof *one);
	if (!str_to_cstr(str_of(c->pam.service), one->service.name,
			 sizeof one->service.name) ||
	    !str_to_cstr(str_of(c->pam.folder), one->service.folder,
			 sizeof one->service.folder))
		return -ENAMETOOLONG;
	one->fd = pam_helper_start(&one->service);
	if (one->fd < 0) return one->fd;
	helpers.count++;
	return 0;
}

static bool pam_prepare(const struct backend_settings *c, struct buf *why)
{
	int error = helper_find(c) ? 0 : helper_start(c);
	if (error) why_errno(why, "pam helper", -error);
	return error == 0;
}

/* It never says anything by this descriptor: so this is its end. */
static void helper_ended(void *arg, int fd, unsigned ready)
{
	struct one *one = arg;
	(void)fd, (void)ready;
	loop_io_free(one->io);
	one->io = NULL;
	helpers.ended(helpers.arg);
}

int pam_helpers_watch(struct loop *loop, void (*ended)(void *arg), void *arg)
{
	helpers.ended = ended;
	helpers.arg = arg;
	for (size_t i = 0; i < helpers.count; i++) {
		struct one *one = &helpers.at[i];
		one->io = loop_io_new(loop, one->fd, LOOP_READ, helper_ended, one);
		if (!one->io) return -ENOMEM;
	}
	return 0;
}

void pam_helpers_end(void)
{
	while (helpers.count) {
		struct one *one = &helpers.at[--helpers.count];
		loop_io_free(one->io);
		/* Not closed: a thread that is late may still use the number. */
		(void)shutdown(one->fd, SHUT_RDWR);
	}
}

/* --- the backend -------------------------------------------------------------------- */

static void *pam_open(const struct backend_settings *c, struct buf *why)
{
	const struct one *one = helper_find(c);
	struct pam *p = one ? calloc(1, sizeof *p) : NULL;
	if (!p) {
		why_errno(why, "pam helper", one ? ENOMEM : ESRCH);
		return NULL;
	}
	p->c = c;
	p->helper = one->fd;
	return p;
}

static enum backend_result pam_verify(void *conn, struct str address, struct str password,
				      struct backend_entry *e, struct buf *why)
{
	const struct pam *p = conn;
	struct str user = address;
	ptrdiff_t at = str_rfind(address, '@');
	if (p->c->pam.local && at >= 0) user = str_sub(address, 0, (size_t)at);
	memset(e, 0, sizeof *e);
	e->checks = true;
	switch (pam_helper_ask(p->helper, user, password, wait_deadline(p->c->timeout_ms),
			       why)) {
	case PAM_VERDICT_YES: return BACKEND_OK;
	case PAM_VERDICT_NO: return BACKEND_WRONG;
	/* One whose module dies, or finds no answer, is no reason not to ask for others.
	 */
	case PAM_VERDICT_LATER: return BACKEND_UNSURE;
	case PAM_VERDICT_DOWN: break;
	}
	return BACKEND_DOWN;
}

static void pam_close(void *conn) { free(conn); }

const struct backend backend_pam = {
	.name = "pam",
	.prepare = pam_prepare,
	.open = pam_open,
	.verify = pam_verify,
	.close = pam_close,
	.unlistable = true,
};
