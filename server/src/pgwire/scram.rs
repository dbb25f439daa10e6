//! SCRAM-SHA-256: stored verifiers, and the server's half of the exchange.
//!
//! **Rule.** The server never needs a password: it stores a salt, an iteration count and two keys derived from it, and
//! a user who does not exist is played the same exchange over a salt that is a function of the name and of a secret of
//! this process, so that neither the texts, nor the salts of repeated tries, nor the time tell who exists.
//!
//! The stored text is PostgreSQL's, and what `CREATE ROLE ... PASSWORD` accepts already hashed:
//!
//! ```text
//! SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>        (base64; both keys 32 bytes)
//! ```
//!
//! Over TLS the exchange can be bound to the server's certificate: the mechanism is then [`MECHANISM_BOUND`], and the
//! client's first message says `p=tls-server-end-point`. `y,,` says that the client could, and believes that the server
//! cannot: where it was offered, someone has struck it from the list, and the client is refused. Without TLS `p=...` is
//! refused, and `y,,` is a correct guess.
//!
//! Sources: RFC 5802 and RFC 7677; PostgreSQL `auth-scram.c`. The exchange itself is pgwire's.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::{
    SCRAM_ITERATIONS, ScramSecret, ScramServerAuth, ScramServerAuthWaitingForClientFinal, gen_salted_password,
};

/// The mechanism's name, offered in AuthenticationSASL.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// The same with channel binding.
pub const MECHANISM_BOUND: &str = "SCRAM-SHA-256-PLUS";
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// What is stored instead of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Verifier {
    /// Derives a verifier from a password with a new random salt and 4,096 iterations (about a millisecond).
    pub fn from_password(password: &str) -> Verifier {
        Verifier::derive(password, rand::random::<[u8; SALT_BYTES]>().to_vec())
    }

    fn derive(password: &str, salt: Vec<u8>) -> Verifier {
        let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        match ScramSecret::verifier_from_salted_password(salt, salted, SCRAM_ITERATIONS) {
            ScramSecret::Verifier { salt, iterations, stored_key, server_key } => {
                Verifier { iterations: iterations as u32, salt, stored_key, server_key }
            }
            ScramSecret::SaltedPassword { .. } => unreachable!("a verifier was asked for"),
        }
    }

    /// Reads the stored text; `None` if it is not one (then it is a password in the clear).
    pub fn parse(stored: &str) -> Option<Verifier> {
        let rest = stored.strip_prefix("SCRAM-SHA-256$")?;
        let (parameters, keys) = rest.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations: u32 = iterations.parse().ok().filter(|iterations| *iterations > 0)?;
        let salt = STANDARD.decode(salt).ok()?;
        let key = |text: &str| STANDARD.decode(text).ok().filter(|key| key.len() == KEY_BYTES);
        Some(Verifier { iterations, salt, stored_key: key(stored_key)?, server_key: key(server_key)? })
    }

    fn secret(&self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt.clone(),
            iterations: self.iterations as usize,
            stored_key: self.stored_key.clone(),
            server_key: self.server_key.clone(),
        }
    }
}

/// The stored text.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored, server) =
            (STANDARD.encode(&self.salt), STANDARD.encode(&self.stored_key), STANDARD.encode(&self.server_key));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

/// Keys stay out of logs.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// A secret of this process from which the salts of unknown users are derived.
pub(super) struct MockSecret([u8; 32]);

impl MockSecret {
    pub(super) fn random() -> MockSecret {
        MockSecret(rand::random())
    }

    /// A verifier that no password matches, with a salt that stays the same for this name.
    fn verifier(&self, user: &str) -> Verifier {
        let key: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let salt = gen_salted_password(&key, user.as_bytes(), 1)[..SALT_BYTES].to_vec();
        // The preimage of a random stored key is unknown to everyone.
        Verifier {
            iterations: SCRAM_ITERATIONS as u32,
            salt,
            stored_key: rand::random::<[u8; KEY_BYTES]>().to_vec(),
            server_key: rand::random::<[u8; KEY_BYTES]>().to_vec(),
        }
    }
}

/// The exchange after the server's first message.
pub(super) struct Exchange {
    waiting: ScramServerAuthWaitingForClientFinal,
}

impl Exchange {
    /// Answers the client's first message. The user name inside is ignored, as in PostgreSQL: the start-up packet's
    /// counts. `binding` is what was offered to bind to. `None` if the message is malformed, asks for a binding that was not
    /// offered, or denies one that was.
    pub(super) fn begin(
        client_first: &[u8],
        user: &str,
        verifier: Option<&Verifier>,
        mock: &MockSecret,
        binding: Option<&ScramServerAuth>,
    ) -> Option<(String, Exchange)> {
        // Built either way, so that both take the same time.
        let unknown = mock.verifier(user);
        let secret = verifier.unwrap_or(&unknown).secret();
        let unbound = ScramServerAuth::new();
        let (answer, waiting) =
            binding.unwrap_or(&unbound).on_client_first_message_with_secret(client_first, secret).ok()?;
        Some((answer, Exchange { waiting }))
    }

    /// Judges the client's final message and returns the server's. `None` if the proof is wrong, the nonce is another
    /// exchange's, or the message is malformed: nobody is to tell these apart.
    pub(super) fn finish(&self, client_final: &[u8]) -> Option<String> {
        self.waiting.on_client_final_message(client_final).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_survives_its_text_and_is_postgresqls() {
        let verifier = Verifier::from_password("pencil");
        assert_eq!(Verifier::parse(&verifier.to_string()).as_ref(), Some(&verifier));
        // RFC 7677, section 3: user "user", password "pencil", this salt, 4,096 iterations.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        assert_eq!(
            Verifier::derive("pencil", salt).to_string(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn what_is_no_verifier_is_told_apart() {
        let good = Verifier::from_password("x").to_string();
        for bad in ["", "pencil", "md5abc", "SCRAM-SHA-256$", &good[..good.len() - 4], &good.replace("4096", "0")] {
            assert!(Verifier::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_user_has_one_salt_and_is_refused_like_a_wrong_proof() {
        let mock = MockSecret::random();
        let begin = |user| Exchange::begin(b"n,,n=,r=abcdefgh", user, None, &mock, None).expect("plays along");
        let salt = |answer: &str| answer.split(',').nth(1).map(str::to_owned);
        let ((first, exchange), (second, _), (other, _)) = (begin("nobody"), begin("nobody"), begin("else"));
        assert_eq!(salt(&first), salt(&second));
        assert_ne!(salt(&first), salt(&other));
        let nonce = first.split(',').next().and_then(|part| part.strip_prefix("r=")).expect("a nonce");
        let last = format!("c=biws,r={nonce},p={}", STANDARD.encode([0u8; 32]));
        assert_eq!(exchange.finish(last.as_bytes()), None);
    }

    #[test]
    fn channel_binding_that_is_not_offered_is_malformed() {
        let begins = |first: &[u8]| Exchange::begin(first, "u", None, &MockSecret::random(), None).is_some();
        assert!(!begins(b"p=tls-server-end-point,,n=,r=abcdefgh"));
        assert!(begins(b"y,,n=,r=abcdefgh"));
        assert!(!begins(b"\xff"));
    }
}
