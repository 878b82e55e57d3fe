// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small servers in the other namespace for the probes of every kind. Those in this process do
// something when step() is called and at no other time.
#pragma once

#include "core/address.hpp"
#include "observe/peer_namespace.hpp"
#include "probe/line_socket.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace multihomed::testing {

/// A socket of the other namespace, bound to address and port.
inline probe::Descriptor socket_inside(const PeerNamespace& place, int type,
                                       const core::Address& address, std::uint16_t port) {
    const probe::Descriptor here(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const probe::Descriptor there(open(place.path().c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(setns(there.get(), CLONE_NEWNET), 0);
    probe::Descriptor made(
        socket(probe::domain_of(core::family_of(address)), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (setns(here.get(), CLONE_NEWNET) != 0)
        abort();
    const int on = 1;
    setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto at = probe::to_socket_address(address, port, 0);
    EXPECT_EQ(bind(made.get(), at.get(), at.length), 0) << std::strerror(errno);
    if (type == SOCK_STREAM) {
        EXPECT_EQ(listen(made.get(), 128), 0);
    }
    return made;
}

/// Accepts; sees how connections end.
class TcpServer {
public:
    TcpServer(const PeerNamespace& place, const core::Address& address, std::uint16_t port)
        : fd_(socket_inside(place, SOCK_STREAM, address, port)) {}

    void step() {
        for (int fd = 0; (fd = accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0;)
            open_.emplace_back(fd);
        std::erase_if(open_, [&](const probe::Descriptor& one) {
            char byte = 0;
            const auto got = recv(one.get(), &byte, 1, 0);
            if (got < 0 && errno == EAGAIN)
                return false;
            ++(got < 0 && errno == ECONNRESET ? reset : otherwise_ended);
            return true;
        });
    }
    int reset = 0;
    int otherwise_ended = 0;

private:
    probe::Descriptor fd_;
    std::vector<probe::Descriptor> open_;
};

/// Gives queries back as responses.
class DnsServer {
public:
    DnsServer(const PeerNamespace& place, const core::Address& address, std::uint16_t port)
        : fd_(socket_inside(place, SOCK_DGRAM, address, port)) {}

    std::uint8_t code = 0;
    bool holds = false; ///< keeps queries until told otherwise
    std::function<void(std::vector<std::uint8_t>&)> alter = [](auto&) {};
    std::vector<std::vector<std::uint8_t>> queries;

    void step() {
        Query query;
        for (;;) {
            query.bytes.resize(512);
            query.length = sizeof query.from;
            const auto size = recvfrom(fd_.get(), query.bytes.data(), query.bytes.size(), 0,
                                       reinterpret_cast<sockaddr*>(&query.from), &query.length);
            if (size < 0)
                break;
            query.bytes.resize(static_cast<std::size_t>(size));
            queries.push_back(query.bytes);
            held_.push_back(query);
        }
        if (!holds)
            for (Query& one : std::exchange(held_, {}))
                answer(one);
    }

private:
    struct Query {
        std::vector<std::uint8_t> bytes;
        sockaddr_storage from{};
        socklen_t length = 0;
    };
    void answer(Query& query) {
        query.bytes.at(2) |= 0x80;
        query.bytes.at(3) = code;
        alter(query.bytes);
        (void)sendto(fd_.get(), query.bytes.data(), query.bytes.size(), 0,
                     reinterpret_cast<const sockaddr*>(&query.from), query.length);
    }
    probe::Descriptor fd_;
    std::vector<Query> held_;
};

/// Answers every request with the same words.
class WebServer {
public:
    WebServer(const PeerNamespace& place, const core::Address& address, std::uint16_t port)
        : fd_(socket_inside(place, SOCK_STREAM, address, port)) {}

    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    bool holds = false;
    std::vector<std::string> requests;
    std::size_t most_at_once = 0;

    void step() {
        for (int fd = 0; (fd = accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0;)
            open_.push_back({probe::Descriptor(fd), "", false});
        most_at_once = std::max(most_at_once, open_.size());
        std::erase_if(open_, [&](Connection& one) { return serve(one); });
    }

private:
    struct Connection {
        probe::Descriptor fd;
        std::string heard;
        bool told;
    };
    /// Is it over?
    bool serve(Connection& one) {
        char part[2048];
        const auto got = recv(one.fd.get(), part, sizeof part, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
        if (got > 0)
            one.heard.append(part, static_cast<std::size_t>(got));
        if (one.told || holds || one.heard.find("\r\n\r\n") == std::string::npos)
            return false;
        one.told = true;
        requests.push_back(one.heard);
        (void)send(one.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        return false;
    }
    probe::Descriptor fd_;
    std::vector<Connection> open_;
};

/// A certificate authority of our own, and certificates of it in PEM files, in a directory that
/// lives as long as the object.
class Certificates {
public:
    Certificates() {
        char name[] = "/tmp/multihomed-certificates-XXXXXX";
        directory_ = mkdtemp(name);
        run("cd " + directory_ +
            " && exec 2>openssl.log && openssl req -x509 -newkey ec -pkeyopt "
            "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
        const std::string ours = "DNS:probe.test,IP:203.0.113.99,IP:2001:db8:99::99";
        issue("good", ours);
        issue("other", "DNS:other.test");
        issue("expired", ours, "-days -1");
        issue("client", ours + "\\nextendedKeyUsage=clientAuth");
    }
    ~Certificates() { run("rm -rf " + directory_); }
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    std::string authority() const { return directory_ + "/ca.pem"; }
    std::string file(const std::string& name) const { return directory_ + "/" + name; }

private:
    void issue(const std::string& name, const std::string& names,
               const std::string& time = "-days 2") const {
        run("cd " + directory_ +
            " && exec 2>>openssl.log && openssl req -newkey ec -pkeyopt "
            "ec_paramgen_curve:P-256 -nodes -subj /CN=" +
            name + " -keyout " + name + ".key -out " + name +
            ".req && printf 'subjectAltName=" + names + "\\n' >" + name +
            ".ext && "
            "openssl x509 -req -in " +
            name + ".req -CA ca.pem -CAkey ca.key -CAcreateserial " + time + " -extfile " + name +
            ".ext -out " + name + ".pem");
    }
    std::string directory_;
};

/// A process that serves HTTPS in the other namespace.
class TlsServer {
public:
    TlsServer(const PeerNamespace& place, const core::Address& address, std::uint16_t port,
              const Certificates& certificates, const std::string& certificate) {
        static constexpr const char* kProgram =
            "import http.server, socket, ssl, sys\n"
            "class Handler(http.server.BaseHTTPRequestHandler):\n"
            "    def do_HEAD(self):\n"
            "        self.send_response(204)\n"
            "        self.end_headers()\n"
            "    def log_message(self, *_): pass\n"
            "class Server(http.server.ThreadingHTTPServer):\n"
            "    address_family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET\n"
            "    def handle_error(self, *_): pass\n"
            "server = Server((sys.argv[1], int(sys.argv[2])), Handler)\n"
            "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
            "context.load_cert_chain(sys.argv[3] + '.pem', sys.argv[3] + '.key')\n"
            "server.socket = context.wrap_socket(server.socket, server_side=True,\n"
            "                                    do_handshake_on_connect=False)\n"
            "server.serve_forever()\n";
        const std::string net = "--net=" + place.path();
        const std::string at = address.to_string();
        const std::string number = std::to_string(port);
        const std::string file = certificates.file(certificate);
        process_ = fork();
        if (process_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            execlp("nsenter", "nsenter", net.c_str(), "python3", "-c", kProgram, at.c_str(),
                   number.c_str(), file.c_str(), nullptr);
            _exit(127);
        }
    }
    ~TlsServer() {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
    }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

private:
    pid_t process_ = -1;
};

} // namespace multihomed::testing
