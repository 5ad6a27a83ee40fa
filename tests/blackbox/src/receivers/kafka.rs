//! Kafka brokers (KRaft) and the tools that come with them, by Java.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::{free_port, root};
use crate::{certificates::Identity, patience::patience, process::Process};

/// How long a virtual machine may take to start and do what it is for.
const START: Duration = Duration::from_secs(90);

/// Of no meaning, but it has to have this form.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// Between the records of the consumer's output; nothing else has it in it.
const BETWEEN: &str = "<end of record>\n";

/// A record as Kafka's own consumer reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: u32,
    /// Its place there.
    pub offset: u64,
    /// Its key; `null` without one.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
}

/// What a broker is to be.
#[derive(Clone, Debug, Default)]
pub struct BrokerSettings {
    /// Lines of its `server.properties`.
    pub lines: Vec<String>,
    /// TLS, with certificates of clients asked for, and a login: this user and password by
    /// `PLAIN` and the SCRAM mechanisms.
    pub secured: Option<Secured>,
}

/// Who may come.
#[derive(Clone, Debug)]
pub struct Secured {
    /// The broker's identity.
    pub identity: Identity,
    /// Who vouches for clients.
    pub ca: PathBuf,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// A broker. It keeps its ports and its topics over a restart.
pub struct Broker {
    /// Its number in its cluster; the first one is the controller too.
    node: u32,
    controller: u16,
    /// Where clients find it on 127.0.0.1.
    pub port: u16,
    /// The same without TLS and login, for its own tools.
    tools: u16,
    directory: TempDir,
    process: Option<Process>,
}

impl Broker {
    /// Prepares one, which does not run yet.
    ///
    /// # Panics
    /// When its directory cannot be made.
    pub async fn prepare(settings: &BrokerSettings) -> Self {
        Self::node(1, free_port(), settings).await
    }

    async fn node(node: u32, controller: u16, settings: &BrokerSettings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let broker = Self {
            node,
            controller,
            port: free_port(),
            tools: free_port(),
            directory,
            process: None,
        };
        let config = broker.config(settings);
        fs::write(broker.file("server.properties"), config).expect("written");
        let mut format = java("kafka.tools.StorageTool");
        format
            .args(["format", "-t", CLUSTER, "-c"])
            .arg(broker.file("server.properties"));
        if let Some(Secured { user, password, .. }) = &settings.secured {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                let user = format!("{mechanism}=[name={user},password={password}]");
                format.arg("--add-scram").arg(user);
            }
        }
        output(format).await;
        broker
    }

    /// Prepares one and starts it.
    pub async fn start(settings: &BrokerSettings) -> Self {
        let mut broker = Self::prepare(settings).await;
        broker.resume().await;
        broker
    }

    /// Starts another one in the cluster of this one.
    pub async fn joined_by(&self, settings: &BrokerSettings) -> Self {
        let mut broker = Self::node(self.node + 1, self.controller, settings).await;
        broker.resume().await;
        broker
    }

    /// Starts it, or starts it again. It takes records when this returns.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn resume(&mut self) {
        let mut command = java("kafka.Kafka");
        command.arg(self.file("server.properties"));
        let process = Process::start(command);
        let deadline = Instant::now() + patience(START);
        let up = |line: &String| line.contains("Kafka Server started");
        while !process.stderr().iter().any(up) {
            assert!(Instant::now() < deadline, "the broker does not start");
            sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
    }

    /// Ends it in an orderly way.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGTERM).await;
    }

    /// Kills it.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn kill(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    /// Lets it stand still: its kernel takes bytes, and nothing is answered.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        let process = self.process.as_ref().expect("the broker runs");
        process.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        let process = self.process.as_ref().expect("the broker runs");
        process.signal(Signal::SIGCONT);
    }

    async fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            process.signal(signal);
            let ended = timeout(patience(START), process.end()).await;
            ended.expect("the broker ends");
        }
    }

    /// Makes a topic, each partition of which so many brokers have.
    pub async fn create(&self, topic: &str, partitions: u32, replicas: u32) {
        let mut command = self.tool("org.apache.kafka.tools.TopicCommand");
        command
            .args(["--create", "--topic", topic, "--partitions"])
            .arg(partitions.to_string())
            .arg("--replication-factor")
            .arg(replicas.to_string());
        output(command).await;
    }

    /// All records of a topic, by partition and offset.
    ///
    /// # Panics
    /// When the tools say what is no record.
    pub async fn records(&self, topic: &str) -> Vec<Record> {
        let mut command = self.tool("org.apache.kafka.tools.GetOffsetShell");
        command.args(["--topic", topic]);
        let said = output(command).await.stdout;
        let said = String::from_utf8(said).expect("text");
        let ends = said
            .lines()
            .filter_map(|line| line.rsplit_once(':')?.1.parse::<u64>().ok());
        let count: u64 = ends.sum();
        let mut command = self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer");
        command
            .args(["--topic", topic, "--from-beginning", "--max-messages"])
            .arg(count.to_string());
        for property in [
            "print.partition=true",
            "print.offset=true",
            "print.key=true",
            &format!("line.separator={BETWEEN}"),
        ] {
            command.args(["--property", property]);
        }
        let mut rest = &output(command).await.stdout[..];
        let mut all = Vec::new();
        while let Some(end) = rest
            .windows(BETWEEN.len())
            .position(|window| window == BETWEEN.as_bytes())
        {
            all.push(record(&rest[..end]));
            rest = &rest[end + BETWEEN.len()..];
        }
        assert_eq!(all.len() as u64, count, "all records are read");
        all.sort_by_key(|record| (record.partition, record.offset));
        all
    }

    fn tool(&self, class: &str) -> Command {
        let mut command = java(class);
        let address = format!("127.0.0.1:{}", self.tools);
        command.args(["--bootstrap-server", &address]);
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, settings: &BrokerSettings) -> String {
        let (port, tools, controller) = (self.port, self.tools, self.controller);
        let (roles, controls) = match self.node {
            1 => (
                "broker,controller",
                format!(",CONTROLLER://127.0.0.1:{controller}"),
            ),
            _ => ("broker", String::new()),
        };
        let protocol = match settings.secured {
            Some(_) => "SASL_SSL",
            None => "PLAINTEXT",
        };
        let secured = settings.secured.as_ref();
        let secured = secured.map_or(String::new(), |it| it.lines(self.directory.path()));
        format!(
            "process.roles={roles}\n\
             node.id={node}\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=TOOLS\n\
             listeners=CLIENTS://127.0.0.1:{port},TOOLS://127.0.0.1:{tools}{controls}\n\
             listener.security.protocol.map=CLIENTS:{protocol},TOOLS:PLAINTEXT,\
             CONTROLLER:PLAINTEXT\n\
             log.dirs={data}\n\
             log.retention.ms=-1\n\
             num.partitions=3\n\
             offsets.topic.num.partitions=1\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.num.partitions=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             controlled.shutdown.enable=false\n\
             {secured}{lines}\n",
            node = self.node,
            data = self.file("data").display(),
            lines = settings.lines.join("\n"),
        )
    }
}

impl Secured {
    fn lines(&self, directory: &Path) -> String {
        // Key and certificate in one file.
        let read = |path| fs::read_to_string(path).expect("an identity");
        let both = read(&self.identity.key) + &read(&self.identity.cert);
        let keystore = directory.join("broker.pem");
        fs::write(&keystore, both).expect("written");
        let (user, password) = (&self.user, &self.password);
        let modules = "org.apache.kafka.common.security";
        let scram = format!("{modules}.scram.ScramLoginModule required;");
        format!(
            "ssl.keystore.type=PEM\n\
             ssl.keystore.location={keystore}\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={ca}\n\
             listener.name.clients.ssl.client.auth=required\n\
             listener.name.clients.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             listener.name.clients.plain.sasl.jaas.config={modules}.plain.PlainLoginModule \
             required user_{user}=\"{password}\";\n\
             listener.name.clients.scram-sha-256.sasl.jaas.config={scram}\n\
             listener.name.clients.scram-sha-512.sasl.jaas.config={scram}\n",
            keystore = keystore.display(),
            ca = self.ca.display(),
        )
    }
}

/// A class among Kafka's, small and quick to start.
fn java(class: &str) -> Command {
    let mut jars = root().join("kafka").into_os_string();
    jars.push("/*");
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            // It says when it is ready.
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            "-cp",
        ])
        .arg(jars)
        .arg(class);
    command
}

async fn output(mut command: Command) -> Output {
    command.kill_on_drop(true);
    let output = timeout(patience(START), command.output()).await;
    let output = output.expect("Java ends").expect("Java starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// `Partition:1`, `Offset:0`, key and value, with tabs between them.
fn record(line: &[u8]) -> Record {
    let mut parts = line.splitn(4, |byte| *byte == b'\t');
    let mut next = || parts.next().expect("a field");
    let number = |field: &[u8]| {
        let text = String::from_utf8_lossy(field).into_owned();
        let number = text.rsplit_once(':').and_then(|it| it.1.parse().ok());
        number.unwrap_or_else(|| panic!("no number in {text}"))
    };
    Record {
        partition: u32::try_from(number(next())).expect("a partition"),
        offset: number(next()),
        key: String::from_utf8_lossy(next()).into_owned(),
        value: next().to_vec(),
    }
}
