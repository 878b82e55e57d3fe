// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/trust.hpp"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <string_view>
#include <sys/stat.h>

namespace multihomed::probe {

namespace {

constexpr const char* kSystemFile = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::size_t kMaxChain = 16;

/// The certificates that the peer sent, its own first.
class Chain {
public:
    explicit Chain(gnutls_session_t session) {
        unsigned sent = 0;
        const gnutls_datum_t* der = gnutls_certificate_get_peers(session, &sent);
        for (unsigned i = 0; der != nullptr && i < sent && size_ < kMaxChain; ++i) {
            gnutls_x509_crt_t made = nullptr;
            if (gnutls_x509_crt_init(&made) != GNUTLS_E_SUCCESS)
                return;
            certificates_[size_++] = made;
            if (gnutls_x509_crt_import(made, &der[i], GNUTLS_X509_FMT_DER) != GNUTLS_E_SUCCESS)
                return;
            good_ = i + 1 == sent;
        }
    }
    ~Chain() {
        for (std::size_t i = 0; i < size_; ++i)
            gnutls_x509_crt_deinit(certificates_[i]);
    }
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    /// All of it could be read.
    bool is_good() const { return good_; }
    gnutls_x509_crt_t* data() { return certificates_.data(); }
    unsigned size() const { return static_cast<unsigned>(size_); }

private:
    std::array<gnutls_x509_crt_t, kMaxChain> certificates_{};
    std::size_t size_ = 0;
    bool good_ = false;
};

/// In the library's words.
std::string words_of(unsigned status) {
    gnutls_datum_t text{};
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) !=
        GNUTLS_E_SUCCESS)
        return "the certificate is not good";
    std::string words(reinterpret_cast<const char*>(text.data), text.size);
    gnutls_free(text.data);
    constexpr std::string_view kAlways = "The certificate is NOT trusted. ";
    if (words.starts_with(kAlways) && words.size() > kAlways.size())
        words.erase(0, kAlways.size());
    words.erase(words.find_last_not_of(" .") + 1);
    return words;
}

class AuthorityFile final : public Trust {
public:
    AuthorityFile(gnutls_x509_trust_list_t list) : list_(list) {}
    ~AuthorityFile() override { gnutls_x509_trust_list_deinit(list_, 1); }
    AuthorityFile(const AuthorityFile&) = delete;
    AuthorityFile& operator=(const AuthorityFile&) = delete;

    std::string objection(gnutls_session_t session,
                          const core::ProbeTarget& target) const override {
        Chain chain(session);
        if (!chain.is_good())
            return "the certificate cannot be read";
        const auto as_address = core::parse_address(target.name);
        auto address = core::address_bytes(as_address.value_or(target.address));
        std::string name = target.name;
        std::string purpose = GNUTLS_KP_TLS_WWW_SERVER;
        const bool by_name = !name.empty() && !as_address;
        const bool v4 = as_address.value_or(target.address).is_v4();
        gnutls_typed_vdata_st wanted[] = {
            {by_name ? GNUTLS_DT_DNS_HOSTNAME : GNUTLS_DT_IP_ADDRESS,
             by_name ? reinterpret_cast<unsigned char*>(name.data()) : address.data(),
             by_name ? 0U : (v4 ? 4U : 16U)},
            {GNUTLS_DT_KEY_PURPOSE_OID, reinterpret_cast<unsigned char*>(purpose.data()), 0},
        };
        unsigned status = GNUTLS_CERT_INVALID;
        const int done = gnutls_x509_trust_list_verify_crt2(
            list_, chain.data(), chain.size(), wanted, std::size(wanted), 0, &status, nullptr);
        if (done < 0)
            return std::string("the certificate could not be checked: ") + gnutls_strerror(done);
        return status == 0 ? "" : words_of(status);
    }

private:
    gnutls_x509_trust_list_t list_;
};

core::Result<std::shared_ptr<const Trust>> read_file(const std::string& file) {
    gnutls_x509_trust_list_t list = nullptr;
    if (gnutls_x509_trust_list_init(&list, 0) != GNUTLS_E_SUCCESS)
        return core::Error{ENOMEM, "no memory for certificates"};
    auto made = std::make_shared<AuthorityFile>(list);
    const int count = gnutls_x509_trust_list_add_trust_file(list, file.c_str(), nullptr,
                                                            GNUTLS_X509_FMT_PEM, 0, 0);
    if (count <= 0)
        return core::Error{0, "no certificate authority in " + file +
                                  (count < 0 ? std::string(": ") + gnutls_strerror(count) : "")};
    return std::shared_ptr<const Trust>(std::move(made));
}

struct Cached {
    timespec changed{};
    std::shared_ptr<const Trust> trust;
};

} // namespace

core::Result<std::shared_ptr<const Trust>> trust_in(const std::string& ca_file) {
    static std::map<std::string, Cached> known;
    const std::string file = ca_file.empty() ? kSystemFile : ca_file;
    struct stat seen {};
    if (stat(file.c_str(), &seen) != 0)
        return core::Error{errno, file + ": " + std::strerror(errno)};
    Cached& cached = known[file];
    if (cached.trust && cached.changed.tv_sec == seen.st_mtim.tv_sec &&
        cached.changed.tv_nsec == seen.st_mtim.tv_nsec)
        return cached.trust;
    auto read = read_file(file);
    if (read)
        cached = {seen.st_mtim, *read};
    return read;
}

} // namespace multihomed::probe
