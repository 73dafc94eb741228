//! What may block.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Runs what blocks for as long as a key in a TPM takes to sign, on a thread of its own: whoever waits goes on with
/// everything else, and what nobody waits for any more ends at its next wait. None: it has panicked.
pub async fn aside<F>(future: F) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (_waiting, mut gone) = oneshot::channel::<()>();
    let here = Handle::current();
    let task = spawn_blocking(move || {
        here.block_on(async {
            tokio::select! {
                biased;
                _ = &mut gone => None,
                output = future => Some(output),
            }
        })
    });
    match task.await {
        Ok(output) => output,
        Err(error) => {
            tracing::error!(%error, "what ran aside has died");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn what_blocks_holds_up_nobody_else() {
        let (wake, sleeping) = mpsc::channel::<()>();
        let blocks = aside(async move { sleeping.recv_timeout(Duration::from_secs(30)).is_ok() });
        let wakes = async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            wake.send(()).unwrap();
        };
        assert_eq!(tokio::join!(blocks, wakes).0, Some(true));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_ends() {
        let alive = Arc::new(());
        let held = alive.clone();
        let waits = aside(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), waits).await.is_err());
        tokio::time::timeout(Duration::from_secs(30), async {
            while Arc::strong_count(&alive) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn what_panics_is_over() {
        assert_eq!(aside(async { assert!(std::hint::black_box(false)) }).await, None);
    }
}
