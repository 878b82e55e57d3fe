/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Policy rules by rtnetlink; see zebra_multihome_kernel.h. Central: converse(), one request and
 * its answer. An answer is recognised by its sequence number; when none can be had (timeout,
 * ENOBUFS) the socket is replaced and the request repeated once, which is safe because additions
 * are exclusive and a missing rule is as good as a deleted one.
 */
#include "zebra_multihome_kernel.h"

#include "rule_descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum {
    kBufferSize = 65536, /* more than the kernel puts into one datagram of a dump */
    kAnswerSeconds = 2,
    kDumpAttempts = 5,     /* a dump that a change interrupted is repeated */
    kDeleteAttempts = 256, /* rules that can stand in the way of one deletion */
};

struct answer {
    int error;
    bool echoed; /* echo holds the rule the kernel acted upon */
    struct mh_rule_message echo;
};

/* --- the socket ------------------------------------------------------------------------------- */

struct call {
    struct mh_kernel* kernel;
    const struct nlmsghdr* request;
    int error;
};

static void open_socket(void* arg) {
    const struct timeval patience = {.tv_sec = kAnswerSeconds};
    const struct sockaddr_nl here = {.nl_family = AF_NETLINK};
    struct call* call = arg;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr*)&here, sizeof(here)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0) {
        call->error = errno;
        if (fd >= 0)
            close(fd);
        return;
    }
    call->kernel->fd = fd;
}

static void send_request(void* arg) {
    struct call* call = arg;
    ssize_t sent;

    do
        sent = send(call->kernel->fd, call->request, call->request->nlmsg_len, 0);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        call->error = errno;
}

static int begin(struct mh_kernel* kernel, struct nlmsghdr* request) {
    struct call call = {.kernel = kernel, .request = request};

    if (!kernel->buffer && !(kernel->buffer = malloc(kBufferSize)))
        return ENOMEM;
    if (kernel->fd < 0)
        kernel->privileged(open_socket, &call);
    if (call.error)
        return call.error;
    request->nlmsg_seq = ++kernel->sequence;
    kernel->privileged(send_request, &call);
    return call.error;
}

/* Reads one datagram of the kernel's. Returns its size, or a negative errno. */
static ssize_t receive(struct mh_kernel* kernel) {
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof(from);
        ssize_t got = recvfrom(kernel->fd, kernel->buffer, kBufferSize, MSG_TRUNC,
                               (struct sockaddr*)&from, &from_size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (got > kBufferSize)
            return -EMSGSIZE;
        if (from.nl_pid == 0)
            return got;
    }
}

/* The errno of an NLMSG_ERROR (0 in an acknowledgement) or NLMSG_DONE. */
static int message_error(const struct nlmsghdr* message) {
    int error = 0;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
        return message->nlmsg_type == NLMSG_DONE ? 0 : EPROTO;
    memcpy(&error, NLMSG_DATA(message), sizeof(error));
    return error < 0 ? -error : 0;
}

/* Waits for the acknowledgement of the last request. A negative errno: none can be had. */
static int await_answer(struct mh_kernel* kernel, struct answer* answer) {
    for (;;) {
        ssize_t got = receive(kernel);
        const struct nlmsghdr* message = (const struct nlmsghdr*)kernel->buffer;

        if (got < 0)
            return (int)got;
        for (int left = (int)got; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_seq != kernel->sequence)
                continue; /* the late answer to a request we gave up */
            if (message->nlmsg_type == NLMSG_ERROR) {
                answer->error = message_error(message);
                return 0;
            }
            if (message->nlmsg_len <= sizeof(answer->echo)) {
                memcpy(&answer->echo, message, message->nlmsg_len);
                answer->echoed = true;
            }
        }
    }
}

static void close_socket(struct mh_kernel* kernel) {
    if (kernel->fd >= 0)
        close(kernel->fd);
    kernel->fd = -1;
}

/* Sends a request and waits for what the kernel says to it; returns its errno. */
static int converse(struct mh_kernel* kernel, struct mh_rule_message* request,
                    struct answer* answer) {
    int error = 0;

    for (int attempt = 0; attempt < 2; attempt++) {
        memset(answer, 0, sizeof(*answer));
        error = begin(kernel, &request->header);
        if (error == 0) {
            error = -await_answer(kernel, answer);
            if (error == 0)
                return answer->error;
        }
        close_socket(kernel);
    }
    return error;
}

void mh_kernel_init(struct mh_kernel* kernel, void (*privileged)(void (*)(void*), void*)) {
    memset(kernel, 0, sizeof(*kernel));
    kernel->fd = -1;
    kernel->privileged = privileged;
}

void mh_kernel_close(struct mh_kernel* kernel) {
    close_socket(kernel);
    free(kernel->buffer);
    free(kernel->found);
    kernel->buffer = NULL;
    kernel->found = NULL;
    kernel->n_found = kernel->capacity = 0;
    kernel->listed = false;
}

/* --- listing ---------------------------------------------------------------------------------- */

static int remember(struct mh_kernel* kernel, const struct mh_found_rule* found) {
    if (kernel->n_found == kernel->capacity) {
        size_t capacity = kernel->capacity ? kernel->capacity * 2 : 64;
        void* grown = realloc(kernel->found, capacity * sizeof(*kernel->found));

        if (!grown)
            return ENOMEM;
        kernel->found = grown;
        kernel->capacity = capacity;
    }
    kernel->found[kernel->n_found++] = *found;
    return 0;
}

/* Reads a dump to its end. EAGAIN: a change interrupted it. A negative errno: no answer. */
static int read_dump(struct mh_kernel* kernel) {
    bool interrupted = false;
    int error = 0;

    for (;;) {
        ssize_t got = receive(kernel);
        const struct nlmsghdr* message = (const struct nlmsghdr*)kernel->buffer;
        struct mh_found_rule found;

        if (got < 0)
            return (int)got;
        for (int left = (int)got; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_seq != kernel->sequence)
                continue;
            interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
                if (error == 0)
                    error = message_error(message);
                return error ? error : interrupted ? EAGAIN : 0;
            }
            if (error == 0 && mh_rule_parse(message, message->nlmsg_len, &found))
                error = remember(kernel, &found);
        }
    }
}

static int dump_family(struct mh_kernel* kernel, uint8_t family) {
    const size_t before = kernel->n_found;
    struct mh_rule_message request;
    int error = EAGAIN;

    for (int attempt = 0; attempt < kDumpAttempts; attempt++) {
        struct fib_rule_hdr* header = NLMSG_DATA(&request.header);

        memset(&request, 0, sizeof(request));
        request.header.nlmsg_len = NLMSG_LENGTH(sizeof(*header));
        request.header.nlmsg_type = RTM_GETRULE;
        request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        header->family = family;
        kernel->n_found = before;
        error = begin(kernel, &request.header);
        if (error == 0)
            error = read_dump(kernel);
        if (error == 0)
            return 0;
        if (error != EAGAIN)
            close_socket(kernel);
        error = abs(error);
    }
    return error;
}

int mh_kernel_list(struct mh_kernel* kernel) {
    int error;

    kernel->n_found = 0;
    error = dump_family(kernel, AF_INET);
    if (error == 0)
        error = dump_family(kernel, AF_INET6);
    if (error == EAFNOSUPPORT) /* a kernel without IPv6 */
        error = 0;
    kernel->listed = error == 0;
    return error;
}

void mh_kernel_forget(struct mh_kernel* kernel) {
    kernel->listed = false;
}

/* --- changes ---------------------------------------------------------------------------------- */

enum owner { kNobody, kOurs, kSomebodyElse };

static enum owner listed_owner(const struct mh_kernel* kernel, const struct mh_rule* rule) {
    enum owner owner = kNobody;

    for (size_t i = 0; i < kernel->n_found; i++) {
        const struct mh_found_rule* found = &kernel->found[i];

        if (found->exotic || !mh_rule_equal(&found->rule, rule))
            continue;
        if (found->protocol == MH_RULE_PROTOCOL)
            return kOurs;
        owner = kSomebodyElse;
    }
    return owner;
}

static int find_owner(struct mh_kernel* kernel, const struct mh_rule* rule, enum owner* owner) {
    *owner = kernel->listed ? listed_owner(kernel, rule) : kNobody;
    if (*owner == kNobody) {
        int error = mh_kernel_list(kernel);

        if (error)
            return error;
        *owner = listed_owner(kernel, rule);
    }
    return 0;
}

int mh_kernel_add(struct mh_kernel* kernel, const struct mh_rule* rule) {
    struct mh_rule_message request;
    struct answer answer;
    enum owner owner;
    int error;

    mh_rule_encode(&request, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
    error = converse(kernel, &request, &answer);
    if (error != EEXIST)
        return error;
    error = find_owner(kernel, rule, &owner);
    if (error || owner == kOurs)
        return error;
    if (owner == kSomebodyElse)
        return EEXIST;
    /* only a narrower rule stands, which the kernel took for this one */
    mh_rule_encode(&request, RTM_NEWRULE, NLM_F_CREATE, rule);
    return converse(kernel, &request, &answer);
}

/* Puts a rule back that a deletion hit instead of the one that was meant. */
static int put_back(struct mh_kernel* kernel, const struct mh_rule_message* deleted) {
    struct mh_rule_message request = *deleted;
    struct answer answer;

    request.header.nlmsg_type = RTM_NEWRULE;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    request.header.nlmsg_pid = 0;
    return converse(kernel, &request, &answer);
}

/* Deletes what the kernel takes for the rule; `hit` says whether it was the rule itself. If not, it
 * is put back, behind the rule, so that the next attempt gets one further. */
static int delete_once(struct mh_kernel* kernel, const struct mh_rule* rule, bool* hit) {
    struct mh_found_rule deleted;
    struct mh_rule_message request;
    struct answer answer;
    int error;

    *hit = true;
    mh_rule_encode(&request, RTM_DELRULE, NLM_F_ECHO, rule);
    error = converse(kernel, &request, &answer);
    if (error || !answer.echoed ||
        !mh_rule_parse(&answer.echo.header, sizeof(answer.echo), &deleted))
        return error;
    *hit = !deleted.exotic && deleted.protocol == MH_RULE_PROTOCOL &&
           mh_rule_equal(&deleted.rule, rule);
    return *hit ? 0 : put_back(kernel, &answer.echo);
}

int mh_kernel_delete(struct mh_kernel* kernel, const struct mh_rule* rule) {
    for (int attempt = 0; attempt < kDeleteAttempts; attempt++) {
        bool hit;
        int error = delete_once(kernel, rule, &hit);

        if (error == ENOENT || error == EAFNOSUPPORT)
            return 0;
        if (error == 0 && hit)
            return 0;
        if (attempt > 0 && error)
            return error;
        if (attempt > 0)
            continue;
        /* a refusal, or another rule was hit: is there anything to delete? */
        if (mh_kernel_list(kernel) == 0 && listed_owner(kernel, rule) != kOurs)
            return 0;
    }
    return ENOTUNIQ;
}
