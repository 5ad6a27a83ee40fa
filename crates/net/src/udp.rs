//! Datagrams in batches: one system call for many, a large receive buffer, and what the
//! kernel dropped because nobody read in time.

mod kernel;

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket as StdSocket},
    time::Duration,
};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use tokio::{io::Interest, net::UdpSocket};

pub use kernel::KernelQueue;

use crate::listen::BindError;

/// Room for one buffer's worth of datagrams: the largest one of IP, or as many small ones
/// of one sender as the kernel hands over together.
const BUFFER: usize = 64 << 10;

/// Buffers begin this much further apart than they are long: at multiples of 64 KiB they
/// would all lie in the same few lines of the processor's cache.
const STAGGER: usize = 1088;

/// Rest after an error of the socket, for what causes it to pass.
const REST: Duration = Duration::from_millis(100);

/// A bound socket that receives datagrams in batches.
pub struct Receiver {
    socket: StdSocket,
    /// The same socket while the runtime looks for its datagrams.
    registered: Option<UdpSocket>,
    state: UdpSocketState,
    room: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
    kernel: KernelQueue,
    /// The last try failed.
    failing: bool,
}

impl Receiver {
    /// Binds `address` (port 0 takes any free one) with a receive buffer of
    /// `receive_buffer` bytes, or as many as the system allows: the kernel grants
    /// `net.core.rmem_max` at most, except to a process with `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// Names the address and what to do about it.
    pub fn bind(address: SocketAddr, receive_buffer: usize) -> Result<Self, BindError> {
        let failed = |source| BindError::new(address, source);
        let socket = StdSocket::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).map_err(failed)?;
        enlarge(&socket, &state, receive_buffer).map_err(failed)?;
        let kernel = KernelQueue::of(&socket);
        Ok(Self {
            socket,
            registered: None,
            state,
            room: vec![0; (BUFFER + STAGGER) * BATCH_SIZE].into_boxed_slice(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            kernel,
            failing: false,
        })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// What the system said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Bytes that the kernel keeps for this socket, its own bookkeeping included (on
    /// Linux twice what was granted; a datagram of 1 KiB takes more than 2 KiB of it).
    pub fn receive_buffer(&self) -> usize {
        let socket = UdpSockRef::from(&self.socket);
        self.state.recv_buffer_size(socket).unwrap_or_default()
    }

    /// What waits in the kernel, and what was dropped there.
    pub fn kernel(&self) -> KernelQueue {
        self.kernel.clone()
    }

    /// Waits for datagrams and takes all that are there, up to a batch. Where the socket
    /// cannot be read it is tried again after a rest: such errors pass, or the process
    /// has worse to report.
    ///
    /// Cancel safe: nothing is taken before it returns.
    pub async fn receive(&mut self) -> Datagrams<'_> {
        let count = self.wait().await;
        self.received(count)
    }

    /// The same after a `rest`, in which arriving datagrams wake nobody: as long as one of
    /// these would come, the runtime would look at each of them.
    pub async fn receive_after(&mut self, rest: Duration) -> Datagrams<'_> {
        self.registered = None;
        tokio::time::sleep(rest).await;
        let count = match self.read() {
            Ok(count) => count,
            Err(_) => self.wait().await,
        };
        self.received(count)
    }

    /// Takes what is there, up to a batch, without waiting. `None` if nothing is, or if the
    /// socket cannot be read, which [`Receiver::receive`] reports.
    pub fn try_receive(&mut self) -> Option<Datagrams<'_>> {
        let count = self.read().ok()?;
        Some(self.received(count))
    }

    /// The number of buffers that were filled, once there is anything.
    async fn wait(&mut self) -> usize {
        loop {
            match self.ready_and_read().await {
                Ok(count) => {
                    self.failing = false;
                    return count;
                }
                Err(error) => {
                    if !self.failing {
                        tracing::warn!("cannot receive datagrams: {error}; trying again");
                    }
                    self.failing = true;
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn ready_and_read(&mut self) -> io::Result<usize> {
        let registered = match self.registered.take() {
            Some(registered) => registered,
            None => UdpSocket::from_std(self.socket.try_clone()?)?,
        };
        let registered = self.registered.insert(registered);
        let (socket, state) = (&self.socket, &self.state);
        let (room, metas) = (&mut self.room, &mut self.metas);
        let read = || read(socket, state, room, metas);
        registered.async_io(Interest::READABLE, read).await
    }

    fn read(&mut self) -> io::Result<usize> {
        read(&self.socket, &self.state, &mut self.room, &mut self.metas)
    }

    fn received(&self, count: usize) -> Datagrams<'_> {
        Datagrams {
            room: &self.room,
            metas: &self.metas[..count],
        }
    }
}

fn read(
    socket: &StdSocket,
    state: &UdpSocketState,
    room: &mut [u8],
    metas: &mut [RecvMeta; BATCH_SIZE],
) -> io::Result<usize> {
    let mut buffers = room.chunks_exact_mut(BUFFER + STAGGER);
    // There are as many buffers as slices.
    let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| match buffers.next() {
        Some(buffer) => IoSliceMut::new(&mut buffer[..BUFFER]),
        None => IoSliceMut::new(&mut []),
    });
    state.recv(UdpSockRef::from(socket), &mut slices, metas)
}

/// What one system call received.
#[derive(Clone, Copy)]
pub struct Datagrams<'a> {
    room: &'a [u8],
    metas: &'a [RecvMeta],
}

impl<'a> Datagrams<'a> {
    /// There was room for no more, so more may be there.
    pub fn is_full(&self) -> bool {
        self.metas.len() == BATCH_SIZE
    }

    /// The payloads, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let buffers = self.room.chunks_exact(BUFFER + STAGGER);
        buffers.zip(self.metas).flat_map(|(buffer, meta)| {
            let payload = &buffer[..meta.len];
            // A datagram without a byte is one too.
            let empty = payload.is_empty().then_some(payload);
            empty.into_iter().chain(payload.chunks(meta.stride.max(1)))
        })
    }
}

/// Asks for a receive buffer, past the system's bound if this process may. A grant of less
/// is none of our errors: [`Receiver::receive_buffer`] tells.
fn enlarge(socket: &StdSocket, state: &UdpSocketState, bytes: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
        if setsockopt(socket, RcvBufForce, &bytes).is_ok() {
            return Ok(());
        }
    }
    state.set_recv_buffer_size(UdpSockRef::from(socket), bytes)
}

#[cfg(test)]
mod tests;
