//! The macro that turns the list of kinds into [`ModelConfig`](super::ModelConfig), its settings by kind, and
//! [`Zoo`](super::Zoo), its module by kind. Promises that a kind that is in the list is configured, trained, reported and
//! exported by what it implements, and that an error in a key names the key from the root (`model.cnn.dropout`).

/// Generates the two enums and their dispatch. Variants are named like modules, because saved weights contain these names.
macro_rules! models {
    ($($(#[$doc:meta])* $kind:ident($settings:ident)),+ $(,)?) => {
        /// The settings of a model, by kind: the section `model` of a configuration.
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum ModelConfig {
            $($(#[$doc])* $kind($settings)),+
        }

        impl ModelConfig {
            /// Names of all kinds.
            pub const KINDS: &'static [&'static str] = &[$(<$kind as TileModel>::KIND),+];

            /// The name of the kind, such as `cnn`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$kind as TileModel>::KIND),+
                }
            }

            /// Noun phrase for the kind; see [`TileModel::PHRASE`].
            #[must_use]
            pub fn phrase(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => <$kind as TileModel>::PHRASE),+
                }
            }

            /// The model separates the labels of the data set. If false, it learns from normal tiles only.
            #[must_use]
            pub fn has_classes(&self) -> bool {
                match self {
                    $(Self::$kind(_) => <$kind as TileModel>::HAS_CLASSES),+
                }
            }

            /// Parts of the graph that have 32 bits in any precision; see [`TileModel::FULL_PRECISION`].
            #[must_use]
            pub fn full_precision(&self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind(_) => <$kind as TileModel>::FULL_PRECISION),+
                }
            }

            /// The settings of the kind.
            #[must_use]
            pub fn settings(&self) -> &dyn ModelSettings {
                match self {
                    $(Self::$kind(settings) => settings),+
                }
            }

            /// Reads the keys of `kind`; `None` if there is no such kind.
            fn from_keys<E: serde::de::Error>(kind: &str, keys: &serde_yaml::Mapping) -> Option<Result<Self, E>> {
                $(if kind == <$kind as TileModel>::KIND {
                    return Some(crate::config::value::keyed(keys, "model").map(Self::$kind));
                })+
                None
            }
        }

        impl<'de> serde::Deserialize<'de> for ModelConfig {
            /// By hand, because a tagged enum reads its keys from a buffer, and an error in one of them would not name it.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                let serde_yaml::Value::Mapping(mut keys) = serde_yaml::Value::deserialize(deserializer)? else {
                    return Err(D::Error::custom(format_args!(
                        "model: expected a mapping with the kind, such as {{kind: {}}}", Self::KINDS[0]
                    )));
                };
                match keys.remove("kind") {
                    Some(serde_yaml::Value::String(kind)) => Self::from_keys(&kind, &keys)
                        .unwrap_or_else(|| Err(D::Error::custom(format_args!(
                            "model.kind: unknown kind `{}`; the kinds are {}",
                            kind.chars().take(64).collect::<String>(), Self::KINDS.join(", ")
                        )))),
                    Some(_) => Err(D::Error::custom("model.kind: expected a word, such as cnn")),
                    None => Err(D::Error::custom(format_args!(
                        "model.kind: missing; the kinds are {}", Self::KINDS.join(", ")
                    ))),
                }
            }
        }

        /// A model of any kind.
        #[derive(Module, Debug)]
        #[expect(clippy::large_enum_variant, reason = "one value a model; burn's derive takes no boxes")]
        pub enum Zoo {
            $($(#[$doc])* $kind($kind)),+
        }

        impl Zoo {
            /// Fresh weights drawn from `seed`. The same seed gives the same weights, parameter identities included.
            #[must_use]
            pub fn new(config: &ModelConfig, classes: usize, seed: u64, device: &Device) -> Self {
                // Parameters are drawn when first used: here and now, so that the order is this one.
                drawn(seed, device, || match config {
                    $(ModelConfig::$kind(settings) => Self::$kind(TileModel::from_settings(settings, classes, device))),+
                })
            }

            /// Runs `visitor` on the model itself.
            pub fn accept<V: ModelVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$kind(model) => visitor.visit(model)),+
                }
            }

            /// The model learns from normal tiles only.
            #[must_use]
            pub fn learns_from_normal_only(&self) -> bool {
                match self {
                    $(Self::$kind(_) => !<$kind as TileModel>::HAS_CLASSES),+
                }
            }

            /// Scores of decoded tiles (u8, `[batch, 256, 256, 3]`) or of [`PixelValues`]. The first `normal` classes are the
            /// normal ones. Nothing is drawn at random: an autoencoder rebuilds from the mean of its latent distribution.
            #[must_use]
            pub fn score(&self, tile: impl Into<PixelValues>, normal: usize) -> Scores {
                match self {
                    $(Self::$kind(model) => TileModel::score(model, tile.into(), normal)),+
                }
            }

            /// Scores by the part of the model that is learning, without test-time augmentation.
            #[must_use]
            pub(crate) fn score_part(&self, part: Part, tile: impl Into<PixelValues>, normal: usize) -> Scores {
                match self {
                    $(Self::$kind(model) => model.score_part(part, tile.into(), normal)),+
                }
            }

            /// Training loss of decoded tiles (u8, `[batch, 256, 256, 3]`) or of [`PixelValues`], with class numbers,
            /// `[batch]`; `normal` is 1 for normal tiles and 0 for others, `[batch]`. Autoencoders learn from normal tiles
            /// only.
            #[must_use]
            pub fn loss(
                &self,
                tile: impl Into<PixelValues>,
                labels: Tensor<1, Int>,
                normal: Tensor<1>,
                options: &LossOptions,
            ) -> Loss {
                let total = match self {
                    $(Self::$kind(model) => TileModel::loss(model, tile.into(), labels, normal, options)),+
                };
                Loss { total }
            }

            /// The loss computed from scores, where an autoencoder rebuilds from the mean of its latent distribution: one
            /// pass gives validation both its loss and its scores.
            #[must_use]
            pub fn loss_of_scores(
                &self,
                scores: &Scores,
                labels: Tensor<1, Int>,
                normal: Tensor<1>,
                options: &LossOptions,
            ) -> Loss {
                let total = match self {
                    $(Self::$kind(model) => model.loss_of_scores(scores, labels, normal, options)),+
                };
                Loss { total }
            }

            /// The model with the running figures of its batch normalisation recalibrated on `batches` of tiles
            /// or windows of them under its present weights. While Adam moves weights by its full step, running
            /// figures lag behind, and validation would measure a model that never existed (precise batch normalisation:
            /// Wu and Johnson, 2021). For a model in inference mode.
            ///
            /// # Errors
            /// The first error that `batches` yields.
            pub fn recalibrated<E>(
                self,
                batches: impl Iterator<Item = Result<PixelValues, E>>,
            ) -> Result<Self, E> {
                Ok(match self {
                    $(Self::$kind(model) => Self::$kind(model.recalibrated(batches)?)),+
                })
            }

            /// The pretrained backbone, if the model has one.
            #[must_use]
            pub(crate) fn backbone(&self) -> Option<&Backbone> {
                match self {
                    $(Self::$kind(model) => model.backbone()),+
                }
            }

            /// The model with its backbone replaced; unchanged if it has none.
            #[must_use]
            pub(crate) fn with_backbone(self, backbone: Backbone) -> Self {
                let zoo = match self {
                    $(Self::$kind(model) => Self::$kind(model.with_backbone(backbone))),+
                };
                identity::by_path(zoo)
            }

            /// The model as one that classifies feature vectors, if it is one.
            #[must_use]
            pub(crate) fn feature_model(&self) -> Option<&dyn FeatureModel> {
                match self {
                    $(Self::$kind(model) => model.feature_model()),+
                }
            }

            /// The model as one whose features need computing only once.
            #[must_use]
            pub(crate) fn frozen(&self) -> Option<&dyn FeatureModel> {
                self.feature_model().filter(|model| model.is_frozen())
            }

            /// The part of the model whose weights training does not change, if its vectors are computed apart from the
            /// rest.
            #[must_use]
            pub fn frozen_backbone(&self) -> Option<FrozenBackbone> {
                match self {
                    $(Self::$kind(model) => model.frozen_backbone()),+
                }
            }

            /// The model with its features standardised by these, `[tiles, features]`.
            #[must_use]
            pub(crate) fn standardised(self, features: Tensor<2>) -> Self {
                match self {
                    $(Self::$kind(model) => Self::$kind(model.standardised(features))),+
                }
            }

            /// The model fitted in a single pass. `config` is the one that the model was made of.
            ///
            /// # Errors
            /// A tile that cannot be decoded, or too few of them.
            pub(crate) fn fitted(self, config: &ModelConfig, pass: &mut OnePass<'_>) -> crate::Result<Self> {
                match (self, config) {
                    $((Self::$kind(model), ModelConfig::$kind(settings)) => {
                        model.fitted(settings, pass).map(Self::$kind)
                    })+
                    #[allow(unreachable_patterns, reason = "reachable with more than one kind")]
                    (other, _) => Ok(other),
                }
            }

            /// The model with a score that is fitted after training, and the rule that describes the score.
            ///
            /// # Errors
            /// A tile that cannot be decoded, or a validation split on which the score cannot be fitted.
            pub(crate) fn with_fitted_score(
                self,
                tiles: &FitTiles<'_>,
            ) -> crate::Result<(Self, Option<kiln_tile::ScoreRule>)> {
                match self {
                    $(Self::$kind(model) => {
                        let (model, rule) = model.with_fitted_score(tiles)?;
                        Ok((Self::$kind(model), rule))
                    })+
                }
            }

            /// Parameters of the parts that the first of two stages trains.
            #[must_use]
            pub(crate) fn first_stage_params(&self) -> Vec<burn::module::ParamGroup> {
                match self {
                    $(Self::$kind(model) => model.first_stage_params()),+
                }
            }

            /// Tiles in 0..1, `[batch, 3, 256, 256]`, decoded from points in the latent space, if the model rebuilds tiles.
            #[must_use]
            pub(crate) fn decoded(&self, latent: Tensor<2>) -> Option<Tensor<4>> {
                match self {
                    $(Self::$kind(model) => model.decoded(latent)),+
                }
            }

            /// The feature maps of a tile and the head that classifies them, for Grad-CAM.
            #[must_use]
            pub(crate) fn classified_maps(&self, tile: impl Into<PixelValues>) -> Option<ClassifiedMaps> {
                match self {
                    $(Self::$kind(model) => model.classified_maps(tile.into())),+
                }
            }
        }
    };
}

pub(crate) use models;
