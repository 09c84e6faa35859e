//! Two endpoints on loopback, over real sockets.

mod handshake;
mod transfer;
mod world;
