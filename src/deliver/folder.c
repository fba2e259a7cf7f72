/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of LMTP servers lie in folders that must be named to the sandbox before the
 * process gives up its rights. A path that a later configuration brings is connected to
 * only if its folder was among them: whether it would work by chance depends on the
 * kernel, and a service that works until it is restarted is worse than a sentence. */
#include <errno.h>
#include <string.h>

#include "deliver/deliver.h"
#include "lib/os/sandbox.h"

/* The folder that a socket lies in. */
static struct str folder_of(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	return slash > 0 ? str_sub(path, 0, (size_t)slash) : STR("/");
}

static bool is_known(const struct deliver *d, struct str folder)
{
	for (size_t i = 0; i < d->folder_count; i++)
		if (str_eq(buf_view(&d->folders[i]), folder)) return true;
	return false;
}

/* A path with `..` could lead out of its folder. */
static bool climbs(struct str path)
{
	while (path.len)
		if (str_eq(str_cut(&path, '/'), STR(".."))) return true;
	return false;
}

bool folder_allows(const struct deliver *d, struct str path)
{
	return !climbs(path) && is_known(d, folder_of(path));
}

/* 0 or -errno. */
static int folder_open(struct deliver *d, struct str folder)
{
	char path[DELIVER_NAME_MAX];
	if (d->folder_count == DELIVER_FOLDERS_MAX) return -ENOSPC;
	if (!str_to_cstr(folder, path, sizeof path)) return -ENAMETOOLONG;
	int rc = sandbox_allow_path(path, false);
	if (rc != 0) return rc;
	struct buf *known = &d->folders[d->folder_count];
	buf_init(known, DELIVER_NAME_MAX);
	buf_str(known, folder);
	if (known->overflowed) return -ENOMEM;
	d->folder_count++;
	return 0;
}

typedef void hop_fn(struct deliver *d, struct str path);

static void each_path(struct deliver *d, hop_fn *fn)
{
	const struct conf *conf = d->frame->conf;
	for (size_t i = 0; i < conf->domain_count; i++) {
		const struct conf_hops *hops = &conf->domains[i].deliver.lmtp;
		for (size_t k = 0; k < hops->count; k++)
			if (str_starts(hops->at[k].host, STR("/")))
				fn(d, hops->at[k].host);
	}
}

static void open_one(struct deliver *d, struct str path)
{
	struct str folder = folder_of(path);
	if (climbs(path) || is_known(d, folder)) return;
	int rc = folder_open(d, folder);
	if (rc != 0) tell_error(d, str_of(strerror(-rc)), folder);
}

void folder_open_all(struct deliver *d) { each_path(d, open_one); }

static void check_one(struct deliver *d, struct str path)
{
	if (!folder_allows(d, path))
		tell_notice(
			d,
			STR("the folder of this LMTP socket was not there or not known "
			    "when the service started: mail for it waits until the "
			    "service is restarted"),
			path);
}

void folder_check_all(struct deliver *d) { each_path(d, check_one); }
