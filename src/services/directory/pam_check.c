/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/pam_check.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "services/directory/wait.h"

struct talk {
	const char *password; /* NULL: it was given */
	bool asks_more;
};

/* --- the conversation --------------------------------------------------------------- */

static bool answer_one(struct talk *t, const struct pam_message *m,
		       struct pam_response *response)
{
	switch (m->msg_style) {
	case PAM_TEXT_INFO:
	case PAM_ERROR_MSG: return true;
	case PAM_PROMPT_ECHO_OFF:
		if (!t->password) break;
		response->resp = strdup(t->password);
		t->password = NULL;
		return response->resp;
	default:
		break; /* a user name, a code, a fingerprint: nobody is there to say it */
	}
	t->asks_more = true;
	return false;
}

static void responses_free(struct pam_response *all, int count)
{
	for (int i = 0; i < count; i++) {
		if (!all[i].resp) continue;
		explicit_bzero(all[i].resp, strlen(all[i].resp));
		free(all[i].resp);
	}
	free(all);
}

/* The responses are the module's to free. */
static int converse(int count, const struct pam_message **messages,
		    struct pam_response **out, void *arg)
{
	struct talk *t = arg;
	*out = NULL;
	if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
	struct pam_response *all = calloc((size_t)count, sizeof *all);
	if (!all) return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (answer_one(t, messages[i], &all[i])) continue;
		responses_free(all, count);
		return PAM_CONV_ERR;
	}
	*out = all;
	return PAM_SUCCESS;
}

static void no_delay(int status, unsigned microseconds, void *arg)
{
	(void)status, (void)microseconds, (void)arg;
}

/* --- the verdict -------------------------------------------------------------------- */

static enum pam_verdict verdict_of(int status)
{
	switch (status) {
	case PAM_SUCCESS: return PAM_VERDICT_YES;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_CRED_EXPIRED: return PAM_VERDICT_NO;
	default: return PAM_VERDICT_LATER;
	}
}

static int run(pam_handle_t *h)
{
	/* A function as an item: PAM's way. */
	void (*delay)(int, unsigned, void *) = no_delay;
	const void *item = NULL;
	memcpy(&item, &delay, sizeof item);
	int status = pam_set_item(h, PAM_FAIL_DELAY, item);
	if (status == PAM_SUCCESS) status = pam_set_item(h, PAM_TTY, "smtp");
	if (status == PAM_SUCCESS)
		status = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (status == PAM_SUCCESS)
		status = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	return status;
}

enum pam_verdict pam_check(const struct pam_service *service, const char *user,
			   const char *password, struct buf *why)
{
	struct talk t = { .password = password };
	const struct pam_conv conversation = { converse, &t };
	pam_handle_t *h = NULL;
	const char *folder = service->folder[0] ? service->folder : NULL;
	int status = pam_start_confdir(service->name, user, &conversation, folder, &h);
	if (status == PAM_SUCCESS) status = run(h);
	enum pam_verdict verdict = verdict_of(status);
	const char *text = pam_strerror(h, status);
	if (t.asks_more) {
		verdict = PAM_VERDICT_NO;
		text = "asks for more than a password";
	}
	if (verdict != PAM_VERDICT_YES)
		why_say(why, "pam", str_of(text ? text : "error"));
	if (h) (void)pam_end(h, status);
	return verdict;
}
