/* SPDX-License-Identifier: Apache-2.0 */
/* spool verify | backup DIR | compact */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/offline.h"

struct findings {
	const struct ctl *ctl;
	unsigned harmful, harmless;
};

static int verify_one(void *ctx, const struct spool_finding *f)
{
	struct findings *findings = ctx;
	struct str name = spool_finding_name(f->kind);
	if (f->harmless) findings->harmless++;
	else findings->harmful++;
	if (findings->ctl->json)
		printf("{\"finding\":\"%.*s\",\"id\":\"%016llx\",\"harmless\":%s}\n", STR_ARG(name),
			(unsigned long long)f->id, f->harmless ? "true" : "false");
	else
		printf("%.*s%s: message %016llx\n", STR_ARG(name), f->harmless ? " (harmless)" : "",
			(unsigned long long)f->id);
	return 0;
}

static int spool_verify(struct ctl *ctl)
{
	struct findings findings = { ctl, 0, 0 };
	struct spool_totals totals;
	struct store *store;
	int status = offline_open(ctl, false, &store);
	if (status) return status;
	int error = store_totals(store, &totals);
	if (!error) error = store_verify(store, true, verify_one, &findings);
	store_close(store);
	if (error) return ctl_fail(EX_IOERR, "the spool cannot be read: %s", strerror(-error));
	if (!ctl->json)
		printf("%llu messages checked: %u faults, %u harmless leftovers\n",
			(unsigned long long)totals.messages, findings.harmful, findings.harmless);
	return findings.harmful ? EX_DATAERR : 0;
}

static int spool_backup(struct ctl *ctl, const char *word)
{
	char here[4096], folder[8192];
	struct store *store;
	if (!getcwd(here, sizeof here)) return ctl_fail(EX_OSERR, "%s", strerror(errno));
	(void)snprintf(folder, sizeof folder, "%s%s%s", word[0] == '/' ? "" : here,
		word[0] == '/' ? "" : "/", word);
	int status = offline_open(ctl, false, &store);
	if (status) return status;
	/* The copy is ours, not the service's: written as who we are. */
	if (getuid() == 0 && (seteuid(0) != 0 || setegid(0) != 0)) {
		store_close(store);
		return ctl_fail(EX_OSERR, "%s", strerror(errno));
	}
	int error = store_backup(store, folder);
	store_close(store);
	if (error) return ctl_fail(EX_CANTCREAT, "%s: %s", folder, strerror(-error));
	printf("backup in %s\n", folder);
	return 0;
}

static int spool_compact(struct ctl *ctl)
{
	struct store_options options = { 0 };
	int status = offline_enter(ctl);
	if (status) return status;
	int error = store_compact(&store_lmdb, ".", &options);
	if (error == -EBUSY) return ctl_fail(EX_TEMPFAIL, "a service is using the spool: stop it first");
	if (error)
		return ctl_fail(error == -EACCES ? EX_NOPERM : EX_IOERR,
			"the spool cannot be compacted: %s", strerror(-error));
	puts("compacted");
	return 0;
}

int ctl_spool(struct ctl *ctl, int argc, char **argv)
{
	/* LMDB gives the copy that it writes whatever the mask allows: it is mail. */
	(void)umask(0077);
	if (argc == 1 && strcmp(argv[0], "verify") == 0) return spool_verify(ctl);
	if (argc == 1 && strcmp(argv[0], "compact") == 0) return spool_compact(ctl);
	if (argc == 2 && strcmp(argv[0], "backup") == 0) return spool_backup(ctl, argv[1]);
	return ctl_fail(EX_USAGE, "spool verify, spool backup DIR, or spool compact");
}
