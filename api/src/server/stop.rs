use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop the server.
pub enum StopSignals {
    /// SIGTERM and Ctrl-C, as sent to this process.
    OfProcess {
        /// SIGTERM
        terminate: Signal,
        /// Ctrl-C
        interrupt: Signal,
    },
    /// No signal at all, for tests.
    Never,
}

impl StopSignals {
    /// Starts to listen. A signal that arrives before [`Self::next`] is called is kept.
    ///
    /// # Errors
    /// If the system does not permit it.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self::OfProcess { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        match self {
            Self::OfProcess { terminate, interrupt } => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            Self::Never => std::future::pending().await,
        }
    }
}
