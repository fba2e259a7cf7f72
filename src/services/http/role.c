/* SPDX-License-Identifier: Apache-2.0 */
/* Role `http`: the only process that asks web servers on behalf of mail that leaves. It holds
 * what it was told by them, in memory and in a folder of its own, and tells others what they
 * ask. When it is away nobody waits for it longer than for a web server that is. */
#include <fcntl.h>
#include <limits.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/memfile.h"
#include "lib/os/sandbox.h"
#include "services/http/http.h"
#include "services/http/token_keep.h"

enum { SECRETS_MAX = 256 * 1024 };

static void ca_read(struct http *h)
{
	buf_init(&h->ca, HTTP_CA_MAX);
	if (token_ca_read(h->frame->conf->http.ca, &h->ca) != 0) buf_free(&h->ca);
}

static void folder_open(struct http *h)
{
	char path[PATH_MAX];
	struct buf b;
	buf_init_fixed(&b, path, sizeof path);
	buf_fmt(&b, "%.*s/http", STR_ARG(h->frame->conf->state));
	buf_byte(&b, '\0');
	h->folder = b.overflowed ? -ENAMETOOLONG : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->folder == -1) h->folder = -errno;
	if (h->folder >= 0) (void)sandbox_allow_fd(h->folder, true);
}

static int http_open(struct frame *f)
{
	struct http *h = calloc(1, sizeof *h);
	/* A thread that is on its way out when the process ends must find the library as it was. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	if (!h || !web_prepare()) {
		free(h);
		return EX_OSERR;
	}
	f->role = h;
	h->frame = f;
	names_init(&h->names);
	h->own_count = own_addresses_get(h->own);
	ca_read(h);
	folder_open(h);
	h->tokens = tokens_new(f, &h->web, buf_view(&h->ca), h->folder);
	return h->tokens ? 0 : EX_OSERR;
}

/* A folder below the role's own. */
static int folder_below(const struct http *h, const char *name)
{
	if (h->folder < 0) return h->folder;
	if (mkdirat(h->folder, name, 0700) != 0 && errno != EEXIST) return -errno;
	int fd = openat(h->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int http_serve(struct frame *f)
{
	struct http *h = f->role;
	struct census *census = scoreboard_census();
	h->sts = (struct sts){ .loop = f->loop, .log = f->log, .names = &h->names, .web = &h->web,
			       .ca = buf_view(&h->ca), .folder = folder_below(h, "sts"),
			       .near = f->conf->http.private_hosts == CONF_YES_YES,
			       .seed = census ? census->seed : 0 };
	if (!web_init(&h->web, f->loop, &h->names) || !sts_init(&h->sts)) return EX_OSERR;
	sts_store_load(&h->sts);
	h->reports = (struct reports){ .frame = f, .names = &h->names, .web = &h->web,
				       .ca = buf_view(&h->ca), .folder = h->folder,
				       .seed = census ? census->seed : 0 };
	h->web.own = h->own;
	h->web.own_count = h->own_count;
	tokens_begin(h->tokens);
	return reports_init(&h->reports) ? 0 : EX_OSERR;
}

static void http_peer_up(struct frame *f, struct channel *ch)
{
	struct http *h = f->role;
	if (h->drained) return;
	if (channel_peer(ch) == ROLE_DELIVER && h->tokens) tokens_tell(h->tokens, ch);
	if (channel_peer(ch) == ROLE_SPOOL) reports_spool(&h->reports, ch);
	if (channel_peer(ch) != ROLE_DNS) return;
	names_up(&h->names, ch);
	if (h->tokens) tokens_names_up(h->tokens);
}

static void http_peer_down(struct frame *f, struct channel *ch)
{
	struct http *h = f->role;
	if (h->drained) return;
	if (channel_peer(ch) == ROLE_DNS) names_down(&h->names);
	else if (channel_peer(ch) == ROLE_DELIVER) sts_forget(&h->sts, ch);
	else if (channel_peer(ch) == ROLE_SPOOL) reports_spool(&h->reports, NULL);
}

static void secrets(struct http *h, int fd)
{
	struct str record;
	if (fd < 0 || !memfile_map(fd, SECRETS_MAX, &record)) return;
	tokens_secrets(h->tokens, record);
	memfile_unmap(record);
}

static void http_message(struct frame *f, struct channel *ch, enum msg_type type,
			 struct str payload, int fd)
{
	struct http *h = f->role;
	struct msg_dns_found found;
	struct msg_sts_want want;
	struct msg_sts_look look;
	struct msg_tls_result result;
	struct msg_letter_kept kept;
	struct msg_token_refused refused;
	if (type == MSG_secrets && h->tokens) secrets(h, fd);
	if (fd >= 0) (void)close(fd);
	if (h->drained) return;
	if (type == MSG_dns_found && msg_dns_found_get(payload, &found))
		names_found(&h->names, &found);
	else if (type == MSG_sts_want && msg_sts_want_get(payload, &want))
		sts_ask(&h->sts, ch, &want);
	else if (type == MSG_sts_look && msg_sts_look_get(payload, &look))
		sts_tell(&h->sts, ch, &look);
	else if (type == MSG_tls_result && msg_tls_result_get(payload, &result))
		reports_take(&h->reports, &result);
	else if (type == MSG_letter_kept && msg_letter_kept_get(payload, &kept))
		reports_letter_kept(&h->reports, &kept);
	else if (type == MSG_token_refused && h->tokens && msg_token_refused_get(payload, &refused))
		tokens_refused(h->tokens, &refused);
}

/* Files cannot be read again without the rights that this process gave up: it goes, and a
 * fresh one reads them. */
static void http_reload(struct frame *f, struct conf *old)
{
	struct http *h = f->role;
	reports_reload(&h->reports);
	h->sts.near = f->conf->http.private_hosts == CONF_YES_YES;
	bool same = str_eq(old->http.ca, f->conf->http.ca);
	if (h->tokens && !tokens_reload(h->tokens)) {
		tokens_free(h->tokens); /* what they point to is going */
		h->tokens = NULL;
		same = false;
	}
	if (same) return;
	if (h->reports.on) reports_keep(&h->reports); /* drain is not called any more */
	frame_leave(f);
}

static void http_drain(struct frame *f, bool now)
{
	struct http *h = f->role;
	(void)now;
	reports_free(&h->reports);
	sts_free(&h->sts);
	tokens_free(h->tokens);
	h->tokens = NULL;
	web_free(&h->web);
	names_free(&h->names);
	h->drained = true;
	frame_leave(f);
}

const struct role_ops http_role = {
	.role = ROLE_HTTP,
	.open = http_open,
	.serve = http_serve,
	.peer_up = http_peer_up,
	.peer_down = http_peer_down,
	.message = http_message,
	.reload = http_reload,
	.drain = http_drain,
};
