// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/http_socket.hpp"

#include "probe/line_socket.hpp"
#include "probe/trust.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace multihomed::probe {

namespace {

constexpr long kTooHigh = 500; ///< a status from here on is bad if none is asked for

struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

bool is_host_name(const std::string& text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

bool is_path(const std::string& text) {
    return text.empty() || (text.front() == '/' && std::ranges::all_of(text, [](char c) {
                                return c > ' ' && c < 0x7f && c != '#';
                            }));
}

std::string in_url(const core::Address& address) {
    return address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
}

std::string url_of(const core::ProbeTarget& target) {
    const bool https = target.kind == core::ProbeTarget::Kind::https;
    return (https ? "https://" : "http://") +
           (target.name.empty() ? in_url(target.address) : target.name) + ":" +
           std::to_string(target.port) + (target.path.empty() ? "/" : target.path);
}

/// A request on its way.
struct Transfer {
    const core::ProbePlan* plan = nullptr;
    core::ProbeTarget target;
    std::uint16_t sequence = 0;
    core::Time sent{};
    std::string socket_error;           ///< why it has no socket
    std::shared_ptr<const Trust> trust; ///< https
    std::string objection;              ///< to the certificate
    std::unique_ptr<curl_slist, ListDeleter> connect_to;
    std::unique_ptr<CURL, EasyDeleter> easy; ///< goes first: it refers to the rest
};

/// curl asks for a socket to this address; it gets one that is the line's.
curl_socket_t open_for(void* pointer, curlsocktype /*purpose*/, curl_sockaddr* to) {
    auto& transfer = *static_cast<Transfer*>(pointer);
    const core::ProbePlan& plan = *transfer.plan;
    sockaddr_storage wanted{};
    std::copy_n(reinterpret_cast<const char*>(&to->addr),
                std::min<std::size_t>(to->addrlen, sizeof wanted),
                reinterpret_cast<char*>(&wanted));
    if (to_address(wanted) != transfer.target.address)
        return CURL_SOCKET_BAD;
    auto opened = open_socket(plan, to->family, to->socktype, to->protocol);
    if (!opened) {
        transfer.socket_error = opened.error().what;
        return CURL_SOCKET_BAD;
    }
    if (!bind_to_device(opened->get(), plan))
        transfer.socket_error = socket_failure(plan, "binding to the device").what;
    else if (!bind_to_source(opened->get(), plan))
        transfer.socket_error = socket_failure(plan, "binding to the source address").what;
    return transfer.socket_error.empty() ? opened.value().release() : CURL_SOCKET_BAD;
}

/// Before a request is sent over TLS: the certificate has been shown.
int check_certificate(void* pointer, char* /*to*/, char* /*from*/, int /*port*/, int /*our_port*/) {
    auto& transfer = *static_cast<Transfer*>(pointer);
    const curl_tlssessioninfo* session = nullptr;
    if (curl_easy_getinfo(transfer.easy.get(), CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK ||
        session == nullptr || session->backend != CURLSSLBACKEND_GNUTLS ||
        session->internals == nullptr)
        transfer.objection = "the certificate cannot be seen: libcurl does not use GnuTLS";
    else
        transfer.objection = transfer.trust->objection(
            static_cast<gnutls_session_int*>(session->internals), transfer.target);
    return transfer.objection.empty() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

bool set_options(Transfer& transfer) {
    CURL* easy = transfer.easy.get();
    bool good = true;
    const auto set = [&](CURLoption option, auto value) {
        good = good && curl_easy_setopt(easy, option, value) == CURLE_OK;
    };
    set(CURLOPT_URL, url_of(transfer.target).c_str());
    // Whatever the name is: nobody is asked for its address.
    const std::string connect_to = "::" + in_url(transfer.target.address) + ":";
    transfer.connect_to.reset(curl_slist_append(nullptr, connect_to.c_str()));
    set(CURLOPT_CONNECT_TO, transfer.connect_to.get());
    set(CURLOPT_OPENSOCKETFUNCTION, &open_for);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
    set(CURLOPT_PRIVATE, &transfer);
    set(CURLOPT_NOBODY, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(CURLOPT_USERAGENT, "multihomed");
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_BUFFERSIZE, 1024L);
    // Every probe is a connection and a handshake of its own, as a user's would be.
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    if (transfer.trust) {
        // Instead of libcurl's own, for the reason that trust.hpp tells.
        set(CURLOPT_PREREQFUNCTION, &check_certificate);
        set(CURLOPT_PREREQDATA, &transfer);
        set(CURLOPT_SSL_VERIFYPEER, 0L);
        set(CURLOPT_SSL_VERIFYHOST, 0L);
        set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
        set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    return good && transfer.connect_to;
}

class HttpSocket final : public ProbeSocket {
public:
    HttpSocket(const core::ProbePlan& plan, std::string ca_file)
        : plan_(plan), ca_file_(std::move(ca_file)), epoll_(epoll_create1(EPOLL_CLOEXEC)),
          timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
          wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), multi_(curl_multi_init()) {}
    ~HttpSocket() override { give_up(core::Time::max()); }
    HttpSocket(const HttpSocket&) = delete;
    HttpSocket& operator=(const HttpSocket&) = delete;

    bool open() {
        return epoll_.get() >= 0 && multi_ && control(EPOLL_CTL_ADD, timer_.get(), EPOLLIN) &&
               control(EPOLL_CTL_ADD, wake_.get(), EPOLLIN) &&
               curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &on_socket) == CURLM_OK &&
               curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this) == CURLM_OK &&
               curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &on_timer) == CURLM_OK &&
               curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this) == CURLM_OK;
    }

    int fd() const override { return epoll_.get(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        if (!is_host_name(target.name))
            return core::Error{0, "'" + target.name + "' is not a host name"};
        if (!is_path(target.path))
            return core::Error{0, "'" + target.path + "' is not a path"};
        // One at a time: who asks again waits for the last one no more.
        abandon([&](const Transfer& old) { return core::is_same_target(old.target, target); });
        auto transfer = std::make_unique<Transfer>();
        transfer->plan = &plan_;
        transfer->target = target;
        transfer->sequence = sequence;
        if (target.kind == core::ProbeTarget::Kind::https) {
            const auto trust = trust_in(ca_file_);
            if (!trust)
                return trust.error();
            transfer->trust = *trust;
        }
        transfer->easy.reset(curl_easy_init());
        if (!transfer->easy || !set_options(*transfer))
            return core::Error{0, "libcurl refuses the request"};
        const core::Time sent = transfer->sent = monotonic_now();
        if (curl_multi_add_handle(multi_.get(), transfer->easy.get()) != CURLM_OK)
            return core::Error{0, "libcurl refuses the request"};
        transfers_.push_back(std::move(transfer));
        act(CURL_SOCKET_TIMEOUT, 0);
        collect();
        const std::uint64_t one = 1;
        if (!done_.empty())
            (void)!write(wake_.get(), &one, sizeof one); // receive() has something to tell
        return sent;
    }

    void receive(const Take& each) override {
        std::array<epoll_event, 16> ready{};
        const int count = epoll_wait(fd(), ready.data(), static_cast<int>(ready.size()), 0);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = ready[static_cast<std::size_t>(i)];
            const bool ours = event.data.fd == timer_.get() || event.data.fd == wake_.get();
            std::uint64_t count_of_events = 0;
            if (ours)
                (void)!read(event.data.fd, &count_of_events, sizeof count_of_events);
            if (ours)
                act(CURL_SOCKET_TIMEOUT, 0);
            else
                act(event.data.fd,
                    ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                        ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                        ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
        }
        collect();
        for (const Outcome& outcome : std::exchange(done_, {}))
            each(outcome);
    }

    std::optional<core::Time> oldest_pending() const override {
        return transfers_.empty() ? std::nullopt : std::optional(transfers_.front()->sent);
    }
    void give_up(core::Time sent_until) override {
        abandon([&](const Transfer& transfer) { return transfer.sent <= sent_until; });
    }

private:
    static int on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* known) {
        auto& socket = *static_cast<HttpSocket*>(self);
        if (what == CURL_POLL_REMOVE) {
            socket.control(EPOLL_CTL_DEL, fd, 0);
            return 0;
        }
        const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) |
                                     ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
        socket.control(known != nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events);
        curl_multi_assign(socket.multi_.get(), fd, self);
        return 0;
    }

    static int on_timer(CURLM* /*multi*/, long timeout_ms, void* self) {
        itimerspec time{}; // zero: never
        if (timeout_ms >= 0) {
            time.it_value.tv_sec = timeout_ms / 1000;
            time.it_value.tv_nsec = std::max(1L, timeout_ms % 1000 * 1'000'000);
        }
        timerfd_settime(static_cast<HttpSocket*>(self)->timer_.get(), 0, &time, nullptr);
        return 0;
    }

    bool control(int operation, int fd, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
    }

    void act(curl_socket_t fd, int events) const {
        int running = 0;
        curl_multi_socket_action(multi_.get(), fd, events, &running);
    }

    /// Takes out of curl what has ended.
    void collect() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE)
                continue;
            const CURLcode code = message->data.result;
            Transfer* ended = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &ended);
            done_.push_back(outcome_of(*ended, code));
            abandon([&](const Transfer& transfer) { return &transfer == ended; });
        }
    }

    static Outcome outcome_of(const Transfer& transfer, CURLcode code) {
        const core::Time now = monotonic_now();
        curl_off_t took_us = 0;
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_TOTAL_TIME_T, &took_us);
        std::string trouble = trouble_of(transfer, code);
        return {.kind = trouble.empty() ? Outcome::Kind::answered : Outcome::Kind::refused,
                .sequence = transfer.sequence,
                .target = transfer.target.address,
                .at = std::min(now, transfer.sent + std::chrono::microseconds(took_us)),
                .text = std::move(trouble)};
    }

    /// Empty if there is none.
    static std::string trouble_of(const Transfer& transfer, CURLcode code) {
        if (!transfer.socket_error.empty())
            return transfer.socket_error;
        if (!transfer.objection.empty())
            return transfer.objection;
        long number = 0;
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_OS_ERRNO, &number);
        if (code == CURLE_COULDNT_CONNECT && number != 0)
            return refusal_text(static_cast<int>(number));
        if (code != CURLE_OK)
            return curl_easy_strerror(code);
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &number);
        const std::uint16_t wanted = transfer.target.status;
        if (wanted == 0 ? number < kTooHigh : number == wanted)
            return "";
        return "status " + std::to_string(number);
    }

    template <class Which>
    void abandon(const Which& which) {
        std::erase_if(transfers_, [&](const std::unique_ptr<Transfer>& transfer) {
            if (!which(*transfer))
                return false;
            curl_multi_remove_handle(multi_.get(), transfer->easy.get());
            return true;
        });
    }

    core::ProbePlan plan_;
    std::string ca_file_;
    Descriptor epoll_;
    Descriptor timer_; ///< curl's
    Descriptor wake_;
    std::unique_ptr<CURLM, MultiDeleter> multi_;
    std::vector<std::unique_ptr<Transfer>> transfers_; ///< in the order in which they began
    std::vector<Outcome> done_;
};

} // namespace

core::Result<std::unique_ptr<ProbeSocket>>
http_socket(const core::ProbePlan& plan, core::ProbeTarget::Kind kind, const std::string& ca_file) {
    // The authorities are better read now than when the first certificate comes.
    if (kind == core::ProbeTarget::Kind::https)
        (void)trust_in(ca_file);
    static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    auto made = std::make_unique<HttpSocket>(plan, ca_file);
    if (!ready || !made->open())
        return core::Error{0, "libcurl cannot be used for probes of " + plan.interface};
    return std::unique_ptr<ProbeSocket>(std::move(made));
}

} // namespace multihomed::probe
